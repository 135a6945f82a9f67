-- name: find_members(handle)
-- Find whom a handle names: e-mail address, our id, or an id at Stripe or Clerk; each by its own index.
SELECT id AS member_id FROM public.users
WHERE id = CASE WHEN :handle ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN :handle::uuid END
UNION
SELECT id FROM public.users WHERE lower(email) = lower(:handle) AND deleted_at IS NULL
UNION
SELECT id FROM public.users WHERE lower(email) = lower(:handle) AND deleted_at IS NOT NULL
UNION
SELECT id FROM public.users WHERE clerk_user_id = :handle
UNION
SELECT id FROM public.users WHERE stripe_customer_id = :handle
UNION
SELECT user_id FROM public.memberships WHERE stripe_subscription_id = :handle
UNION
SELECT member_id FROM ops.objects
WHERE provider IN ('stripe', 'clerk') AND mode IN ('live', 'test') AND object_id = :handle AND member_id IS NOT NULL;

-- name: find_rows(handle)
-- Find the inbox rows that a handle names: event id (by the whole key, which has an index), or the row's own number.
SELECT id FROM ops.inbox
WHERE (provider IN ('stripe', 'clerk') AND mode IN ('live', 'test') AND event_id = :handle)
   OR id = CASE WHEN :handle ~ '^[0-9]{1,18}$' THEN :handle::bigint END
ORDER BY id;

-- name: read_rows_of(member_ids)
-- Find the inbox rows that turned out to be about these members.
SELECT id FROM ops.inbox WHERE member_id = ANY (:member_ids::uuid[]) ORDER BY id;

-- name: read_entries(member_ids, inbox_ids)
-- Tell what happened to these rows and members, in time order; no body, no address.
WITH rows AS (
  SELECT * FROM ops.inbox WHERE id = ANY (:inbox_ids::bigint[])
), runs AS (
  SELECT dag_run_id FROM rows WHERE dag_run_id IS NOT NULL
  UNION
  SELECT dag_run_id FROM ops.run_members WHERE member_id = ANY (:member_ids::uuid[])
), outcomes AS (
  SELECT dag_run_id, string_agg(DISTINCT outcome, ', ') AS outcome, string_agg(DISTINCT reason, '; ') AS reason
  FROM ops.run_members
  WHERE member_id IN (SELECT unnest(:member_ids::uuid[]) UNION SELECT member_id FROM rows WHERE member_id IS NOT NULL)
  GROUP BY dag_run_id
), ends AS (
  SELECT * FROM ops.deactivations
  WHERE member_id = ANY (:member_ids::uuid[]) OR inbox_id = ANY (:inbox_ids::bigint[])
), letters AS (
  SELECT id FROM ops.dead_letters WHERE member_id = ANY (:member_ids::uuid[])
  UNION
  SELECT dead_letter_id FROM ops.dead_letter_rows WHERE inbox_id = ANY (:inbox_ids::bigint[])
), targets AS (
  SELECT target, bool_or(is_whole) AS is_whole FROM (
    SELECT 'member:' || id AS target, true AS is_whole FROM unnest(:member_ids::uuid[]) AS member (id)
    UNION ALL
    SELECT 'dead_letter:' || id, true FROM letters
    UNION ALL
    SELECT 'event:' || id, true FROM rows
    UNION ALL
    SELECT 'finding:' || id, true FROM ops.findings WHERE member_id = ANY (:member_ids::uuid[])
    UNION ALL
    SELECT 'member:' || member_id, false FROM rows WHERE member_id IS NOT NULL
  ) AS found
  GROUP BY target
), entries AS (
  SELECT created_at AS at, 0 AS step, 'vendor' AS part, provider || ' ' || type AS what,
         NULL AS detail, NULL AS dag_run_id, NULL AS job, id AS inbox_id
  FROM rows WHERE created_at IS NOT NULL
  UNION ALL
  SELECT received_at, 1, 'inbox', 'received ' || event_id, mode, NULL, NULL, id FROM rows
  UNION ALL
  SELECT conflict.received_at, 2, 'inbox', 'the same event with another body', deliveries || ' times', NULL, NULL, inbox_id
  FROM ops.inbox_conflicts AS conflict JOIN rows ON rows.id = conflict.inbox_id
  UNION ALL
  SELECT dispatched_at, 3, 'inbox', 'taken by a run', 'try ' || attempts, dag_run_id, job, id
  FROM rows WHERE dispatched_at IS NOT NULL
  UNION ALL
  SELECT started_at, 4, 'airflow', 'run accepted', rows || ' rows', dag_run_id, job, NULL
  FROM ops.dispatches JOIN runs USING (dag_run_id) WHERE started_at IS NOT NULL
  UNION ALL
  SELECT coalesce(checked_at, claimed_at), 5, 'airflow', 'run waits', problem, dag_run_id, job, NULL
  FROM ops.dispatches JOIN runs USING (dag_run_id) WHERE problem IS NOT NULL
  UNION ALL
  SELECT finished_at, 9, 'airflow', 'run ' || state, concat_ws(': ', outcome, reason), dag_run_id, job, NULL
  FROM ops.dispatches JOIN runs USING (dag_run_id) LEFT JOIN outcomes USING (dag_run_id)
  WHERE finished_at IS NOT NULL
  UNION ALL
  SELECT planned_at, 5, 'step', effect || ' planned', NULL, dag_run_id, NULL, NULL
  FROM ops.steps WHERE member_id = ANY (:member_ids::uuid[])
  UNION ALL
  SELECT intended_at, 6, 'step', effect || ' begun', 'try ' || attempts, dag_run_id, NULL, NULL
  FROM ops.steps WHERE member_id = ANY (:member_ids::uuid[]) AND intended_at IS NOT NULL
  UNION ALL
  SELECT coalesce(finished_at, intended_at), 7, 'step', effect || ' ' || state, reason, dag_run_id, NULL, NULL
  FROM ops.steps
  WHERE member_id = ANY (:member_ids::uuid[]) AND state IN ('done', 'uncertain', 'refused')
  UNION ALL
  SELECT at, 8, 'audit', action, concat_ws(', ',
           'by ' || actor, 'no. ' || seq, 'deactivation ' || (metadata->>'deactivation_id'),
           CASE WHEN before->>'deactivate_at' <> after->>'deactivate_at'
                THEN 'from ' || (before->>'deactivate_at') || ' to ' || (after->>'deactivate_at')
                ELSE 'for ' || coalesce(after->>'deactivate_at', before->>'deactivate_at') END,
           'because: ' || (metadata->>'why')),
         dag_run_id, NULL, NULL
  FROM ops.audit_log JOIN targets USING (target)
  WHERE is_whole OR inbox_ids && :inbox_ids::bigint[]
  UNION ALL
  SELECT ended_at, 8, 'letter', 'try failed', concat_ws(', ',
           'dead letter ' || dead_letter_id, reason,
           'began ' || round(extract(epoch FROM started_at - due_at), 2) || ' s after it was due'),
         nullif(dag_run_id, ''), job, NULL
  FROM ops.dead_letter_attempts WHERE dead_letter_id IN (SELECT id FROM letters)
  UNION ALL
  SELECT scheduled_at, 5, 'end', 'run made ahead', 'deactivation ' || id, dag_run_id, NULL, inbox_id
  FROM ends WHERE scheduled_at IS NOT NULL
  UNION ALL
  SELECT decided_at, 6, 'end', 'Stripe was asked: it is to be', 'deactivation ' || id, taken_by, NULL, inbox_id
  FROM ends WHERE decided_at IS NOT NULL
  UNION ALL
  SELECT applied_at, 7, 'end', 'membership closed', 'deactivation ' || id, taken_by, NULL, inbox_id
  FROM ends WHERE applied_at IS NOT NULL
  UNION ALL
  SELECT finished_at, 9, 'end', state, concat_ws(', ', 'deactivation ' || id, 'by ' || actor, why), taken_by, NULL, inbox_id
  FROM ends WHERE finished_at IS NOT NULL
  UNION ALL
  SELECT coalesce(deactivate_at, updated_at), 12, 'end', 'is ' || replace(state, '_', ' '),
         concat_ws(', ', 'deactivation ' || id, replace(reason, '_', ' '), 'by ' || actor, why, problem),
         coalesce(taken_by, dag_run_id), NULL, inbox_id
  FROM ends WHERE finished_at IS NULL
  UNION ALL
  SELECT synced_at, 8, 'mailchimp', 'contact is ' || status, array_to_string(tags, ', '), NULL, NULL, NULL
  FROM ops.contacts WHERE member_id = ANY (:member_ids::uuid[])
  UNION ALL
  SELECT finished_at, 10, 'inbox', state, reason, dag_run_id, job, id FROM rows WHERE finished_at IS NOT NULL
  UNION ALL
  SELECT coalesce(due_at, dispatched_at, received_at), 11, 'inbox', 'is ' || state, reason, NULL, job, id
  FROM rows WHERE finished_at IS NULL
)
SELECT at, part, what, detail, dag_run_id, entries.inbox_id,
       coalesce((SELECT job FROM ops.dispatches AS run WHERE run.dag_run_id = entries.dag_run_id), job,
                CASE WHEN starts_with(dag_run_id, 'deactivation.') THEN 'member_deactivation' END) AS job
FROM entries ORDER BY at, step, inbox_id, what;

-- name: read_uncertain_steps()
-- Count the effects whose answer was lost, by effect: a person has to look.
SELECT effect, count(*) AS count FROM ops.steps WHERE state = 'uncertain' GROUP BY effect ORDER BY effect;
