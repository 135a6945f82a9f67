-- name: receive(providers, modes, event_ids, types, api_versions, created_ats, received_ats, headers, bodies, body_sha256s, member_keys, jobs, states, reasons)
-- Store what is not stored yet; an event that is known, here or in another relay's transaction, returns no row.
-- Always in the order of the key, so that two relays with the same events wait for each other and do not deadlock.
INSERT INTO ops.inbox
  (provider, mode, event_id, type, api_version, created_at, received_at, headers, body, body_sha256,
   member_key, job, state, reason, due_at)
SELECT provider, mode, event_id, type, api_version, created_at, received_at, headers::jsonb, body, body_sha256,
       member_key, job, state, reason, CASE state WHEN 'waiting' THEN received_at END
FROM unnest(
  :providers::text[], :modes::text[], :event_ids::text[], :types::text[], :api_versions::text[],
  :created_ats::timestamptz[], :received_ats::timestamptz[], :headers::text[], :bodies::bytea[],
  :body_sha256s::bytea[], :member_keys::text[], :jobs::text[], :states::text[], :reasons::text[]
) AS arrival (provider, mode, event_id, type, api_version, created_at, received_at, headers, body, body_sha256,
              member_key, job, state, reason)
ORDER BY provider, mode, event_id
ON CONFLICT (provider, mode, event_id) DO NOTHING
RETURNING id, provider, mode, event_id, state;

-- name: find_known(providers, modes, event_ids)
-- Read which rows hold these events and what body they came with first.
SELECT id, provider, mode, event_id, body_sha256
FROM ops.inbox
JOIN unnest(:providers::text[], :modes::text[], :event_ids::text[]) AS wanted (provider, mode, event_id)
  USING (provider, mode, event_id);

-- name: replace_filled(id, headers, body, body_sha256)!
-- Put a delivery's bytes in the place of what was filled in from the vendor's list.
UPDATE ops.inbox SET headers = :headers::jsonb, body = :body, body_sha256 = :body_sha256
WHERE id = :id AND headers ? 'filled-by';

-- name: read_newest_mode(provider)$
-- Read the mode of a vendor's newest event about a member, else of the newest that was not ignored: what Stripe tests
-- comes to the same address, and a probe of ours says nothing of it.
SELECT coalesce(
  (SELECT mode FROM ops.inbox WHERE provider = :provider AND member_id IS NOT NULL ORDER BY id DESC LIMIT 1),
  (SELECT mode FROM ops.inbox
   WHERE provider = :provider AND type <> 'ops.probe' AND state <> 'ignored' ORDER BY id DESC LIMIT 1)
);

-- name: read_members_without_mail(dag_run_id)
-- Read of which members of a run only rows tell for which nobody is to be mailed.
SELECT member_id FROM ops.inbox WHERE dag_run_id = :dag_run_id AND member_id IS NOT NULL
GROUP BY member_id HAVING bool_and(headers ? 'no-mail');

-- name: read_busy_members()
-- Read whose events are under way, or wait for a person: their state is about to change, or cannot.
SELECT DISTINCT member_key FROM ops.inbox
WHERE state IN ('waiting', 'dispatched', 'failed') AND member_key IS NOT NULL
UNION
SELECT inbox.member_key
FROM ops.dead_letters
JOIN ops.dead_letter_rows ON dead_letter_rows.dead_letter_id = dead_letters.id
JOIN ops.inbox ON inbox.id = dead_letter_rows.inbox_id
WHERE dead_letters.state IN ('retrying', 'open', 'replaying', 'compensating') AND inbox.member_key IS NOT NULL;

-- name: keep_conflict(inbox_id, body, body_sha256, received_at)!
-- Keep another body of a known event aside; the same one again is counted.
INSERT INTO ops.inbox_conflicts (inbox_id, body, body_sha256, received_at)
VALUES (:inbox_id, :body, :body_sha256, :received_at)
ON CONFLICT (inbox_id, body_sha256) DO UPDATE SET deliveries = inbox_conflicts.deliveries + 1;

-- name: wake_dispatchers()
-- Tell every listening dispatcher, once this transaction has committed, that there is something to do.
SELECT pg_notify('ops_inbox', '');

-- name: read_rows(ids)
-- Read these rows in the order in which they came.
SELECT * FROM ops.inbox WHERE id = ANY (:ids::bigint[]) ORDER BY id;

-- name: read_run(dag_run_id)
-- Read the rows that this run took last.
SELECT * FROM ops.inbox WHERE dag_run_id = :dag_run_id ORDER BY id;

-- name: read_event(event_id)
-- Read the rows of this event id: one per provider and mode, which are named so that the key's index serves.
SELECT * FROM ops.inbox
WHERE provider IN ('stripe', 'clerk') AND mode IN ('live', 'test') AND event_id = :event_id
ORDER BY id;

-- name: end_rows(ids, state, reason, error_class, now)
-- End rows that a run holds; what has ended already stays as it is.
UPDATE ops.inbox SET state = :state, reason = :reason, error_class = :error_class, finished_at = :now, due_at = NULL
WHERE id = ANY (:ids::bigint[]) AND state = 'dispatched'
RETURNING id;

-- name: assign_members(ids, member_ids)!
-- Write down whom each row turned out to be about.
UPDATE ops.inbox SET member_id = found.member_id
FROM unnest(:ids::bigint[], :member_ids::uuid[]) AS found (id, member_id)
WHERE inbox.id = found.id;

-- name: count_states()
-- Count the rows in each state.
SELECT state, count(*) AS count FROM ops.inbox GROUP BY state;

-- name: read_waiting()^
-- Tell how many rows wait and since when the oldest does.
SELECT count(*) AS count, min(received_at) AS since FROM ops.inbox WHERE state = 'waiting';

-- name: read_next_due(job)$
-- Tell when the next waiting row of this job is due.
SELECT min(due_at) FROM ops.inbox WHERE state = 'waiting' AND job = :job;

-- name: lock_due(job, now, least, most, shares)
-- Take hold of due rows, oldest first; a row that another transaction holds is passed over. One share of what is due, between
-- `least` and `most`; where nothing is between them, nothing is counted.
SELECT id, provider, mode, event_id, member_key, attempts
FROM ops.inbox
WHERE state = 'waiting' AND job = :job AND due_at <= :now
ORDER BY due_at, id
LIMIT CASE WHEN :least::int >= :most::int THEN :most ELSE least(:most, greatest(:least, (
  SELECT ceil(count(*) / :shares::numeric)::int
  FROM (SELECT FROM ops.inbox WHERE state = 'waiting' AND job = :job AND due_at <= :now LIMIT :most::int * :shares::int) AS due
))) END
FOR UPDATE SKIP LOCKED;

-- name: dispatch_rows(ids, dag_run_id, now)!
-- Put rows into the hands of a run.
UPDATE ops.inbox
SET state = 'dispatched', dag_run_id = :dag_run_id, dispatched_at = :now, attempts = attempts + 1, reason = NULL,
    due_at = NULL, finished_at = NULL
WHERE id = ANY (:ids::bigint[]);

-- name: adopt_rows(ids, dag_run_id, with_dead, now)
-- Put rows that wait or failed into the hands of a run that a person started or cleared; dead ones where it is her wish.
UPDATE ops.inbox
SET state = 'dispatched', dag_run_id = :dag_run_id, dispatched_at = :now, attempts = attempts + 1, reason = NULL,
    due_at = NULL, finished_at = NULL
WHERE id = ANY (:ids::bigint[]) AND (state IN ('waiting', 'failed') OR (:with_dead AND state = 'dead'))
RETURNING id;

-- name: return_rows(dag_run_id, now)!
-- Let the rows of a run that does not exist any more wait again.
UPDATE ops.inbox SET state = 'waiting', due_at = :now
WHERE dag_run_id = :dag_run_id AND state = 'dispatched';

-- name: fail_run_rows(dag_run_id, reason, now)
-- Fail what a run that ended has not recorded; it is tried again alone, unless somebody buries it.
UPDATE ops.inbox
SET state = 'failed', reason = :reason, error_class = 'transient', finished_at = :now, due_at = :now
WHERE dag_run_id = :dag_run_id AND state = 'dispatched'
RETURNING id, job, member_id;

-- name: take_up_again(id, now)^
-- Let an event that has ended well wait for its job again; not one without a job or a body, or that waits for a person.
UPDATE ops.inbox SET state = 'waiting', due_at = :now, reason = NULL, finished_at = NULL
WHERE id = :id AND state IN ('processed', 'superseded') AND job IS NOT NULL AND body IS NOT NULL
RETURNING id;

-- name: retry_rows(ids, due_at)!
-- Have rows that failed taken to a run of `webhook_retry`.
UPDATE ops.inbox SET due_at = :due_at WHERE id = ANY (:ids::bigint[]) AND state = 'failed';

-- name: put_off_rows(ids, due_at)!
-- Let rows that failed wait for their own job again.
UPDATE ops.inbox SET state = 'waiting', due_at = :due_at, finished_at = NULL
WHERE id = ANY (:ids::bigint[]) AND state = 'failed';

-- name: bury_rows(ids)!
-- Let rows that failed wait for a person.
UPDATE ops.inbox SET state = 'dead', due_at = NULL WHERE id = ANY (:ids::bigint[]) AND state = 'failed';

-- name: lock_retry(job, now, row_limit)
-- Take hold of rows that are to be tried again alone, oldest first; those another transaction holds are passed over,
-- and those of a member whom such a run works on.
SELECT id, provider, mode, event_id, member_key, member_id, attempts
FROM ops.inbox
WHERE state IN ('failed', 'dead') AND due_at <= :now AND NOT EXISTS (
  SELECT FROM ops.inbox AS other JOIN ops.dispatches USING (dag_run_id)
  WHERE other.member_id = inbox.member_id AND other.state = 'dispatched' AND dispatches.job = :job
)
ORDER BY due_at, id
LIMIT :row_limit
FOR UPDATE OF inbox SKIP LOCKED;

-- name: postpone_rows(ids, due_at)!
-- Give rows a later time.
UPDATE ops.inbox SET due_at = :due_at WHERE id = ANY (:ids::bigint[]);

-- name: read_next_retry()$
-- Tell when the next row is to be tried again alone.
SELECT min(due_at) FROM ops.inbox WHERE state IN ('failed', 'dead') AND due_at IS NOT NULL;
