-- name: find_members(emails)
-- Find who has or had one of these addresses.
SELECT id, deleted_at IS NOT NULL AS is_deleted FROM public.users WHERE lower(email) = ANY (:emails::text[]);

-- name: count_open_ends(member_ids)$
-- Count the planned ends that are still to come.
SELECT count(*) FROM ops.deactivations
WHERE member_id = ANY (:member_ids::uuid[]) AND state NOT IN ('done', 'revoked');

-- name: find_events(member_ids, email_keys)
-- Find the events about these members: assigned to them, or about an object of theirs.
SELECT id FROM ops.inbox WHERE member_id = ANY (:member_ids::uuid[])
UNION
SELECT inbox.id FROM ops.inbox
JOIN ops.objects ON member_key = objects.provider || ':' || object_id AND inbox.mode = objects.mode
WHERE objects.member_id = ANY (:member_ids::uuid[])
UNION
SELECT id FROM ops.inbox WHERE member_key = ANY (:email_keys::text[]);

-- name: read_bodies(after, row_limit)
-- Read events that have a body, with those that came under the same id.
SELECT id, array_remove(
  array_prepend(body, ARRAY(SELECT other.body FROM ops.inbox_conflicts AS other WHERE other.inbox_id = inbox.id)), NULL
) AS bodies
FROM ops.inbox
WHERE id > :after AND (body IS NOT NULL OR EXISTS (SELECT FROM ops.inbox_conflicts WHERE inbox_id = inbox.id))
ORDER BY id LIMIT :row_limit;

-- name: count_dispatched(ids)$
-- Count the events of these that a run has in its hands.
SELECT count(*) FROM ops.inbox WHERE id = ANY (:ids::bigint[]) AND state = 'dispatched';

-- name: redact_events(ids, reason, now)!
-- Empty events; one that still waited or had failed ends here, since there is nothing left to do it with.
UPDATE ops.inbox
SET body = NULL, headers = '{}',
    member_key = 'erased:' || encode(sha256(convert_to(member_key, 'UTF8')), 'hex'),
    reason = CASE WHEN state IN ('waiting', 'failed', 'dead') THEN :reason ELSE reason END,
    finished_at = CASE WHEN state IN ('waiting', 'failed', 'dead') THEN :now ELSE finished_at END,
    due_at = NULL,
    state = CASE WHEN state IN ('waiting', 'failed', 'dead') THEN 'ignored' ELSE state END
WHERE id = ANY (:ids::bigint[]) AND state <> 'dispatched';

-- name: delete_conflicts(ids)!
-- Delete the other bodies that came under these events' ids.
DELETE FROM ops.inbox_conflicts WHERE inbox_id = ANY (:ids::bigint[]);

-- name: redact_outcomes(member_ids)!
-- Empty the states in the journal: they name the contact by the hash of its address.
UPDATE ops.run_members SET before = NULL, after = NULL WHERE member_id = ANY (:member_ids::uuid[]);

-- name: delete_contacts(member_ids)!
-- Forget the contacts: they are known by the hash of their address.
DELETE FROM ops.contacts WHERE member_id = ANY (:member_ids::uuid[]);

-- name: delete_slack_people(member_ids)!
-- Forget who they are at Slack.
DELETE FROM ops.slack_people WHERE member_id = ANY (:member_ids::uuid[]);

-- name: delete_accounts(member_ids)!
-- Forget the addresses that Clerk had verified.
DELETE FROM ops.accounts USING public.users
WHERE users.clerk_user_id = accounts.clerk_user_id AND users.id = ANY (:member_ids::uuid[]);

-- name: redact_audit(member_ids)!
-- Take the hash of the address out of the audit log; who did what and when stays.
UPDATE ops.audit_log
SET before = before #- '{contact,subscriber_hash}', after = after #- '{contact,subscriber_hash}'
WHERE target IN (SELECT 'member:' || id FROM unnest(:member_ids::uuid[]) AS wanted (id))
  AND (before #> '{contact,subscriber_hash}' IS NOT NULL OR after #> '{contact,subscriber_hash}' IS NOT NULL);

-- name: redact_users(member_ids, now)!
-- Empty the deleted accounts' address and names.
UPDATE public.users SET email = NULL, first_name = '', last_name = '', updated_at = :now
WHERE id = ANY (:member_ids::uuid[]) AND deleted_at IS NOT NULL;

-- name: read_tables()
-- Read the names of all tables of ours and of the platform.
SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
WHERE table_schema IN ('ops', 'public') AND table_type = 'BASE TABLE' ORDER BY 1, 2;
