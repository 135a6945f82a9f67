-- name: read_latest(subscription_ids)
-- Read the newest row of each of these subscriptions.
SELECT DISTINCT ON (subscription_id) * FROM ops.deactivations
WHERE subscription_id = ANY (:subscription_ids::text[])
ORDER BY subscription_id, id DESC;

-- name: read_one(id)^
-- Read one row.
SELECT * FROM ops.deactivations WHERE id = :id;

-- name: read_open()
-- Read what is not over: what has no date, then the next to come first.
SELECT * FROM ops.deactivations WHERE state NOT IN ('done', 'revoked')
ORDER BY deactivate_at NULLS FIRST, id;

-- name: read_member(member_id)
-- Read all rows of a member.
SELECT * FROM ops.deactivations WHERE member_id = :member_id ORDER BY id;

-- name: count_states()
-- Count the rows in each state.
SELECT state, count(*) AS count FROM ops.deactivations GROUP BY state;

-- name: count_work(overdue_since)^
-- Count what is to come, what is late, and what waits for a person.
SELECT count(*) FILTER (WHERE state IN ('pending', 'scheduled') AND deactivate_at > :overdue_since) AS pending,
       count(*) FILTER (WHERE state = 'running' AND deactivate_at > :overdue_since) AS running,
       count(*) FILTER (WHERE state IN ('pending', 'scheduled', 'running') AND deactivate_at <= :overdue_since)
         AS overdue,
       count(*) FILTER (WHERE state = 'date_unknown') AS date_unknown,
       count(*) FILTER (WHERE state = 'failed') AS failed
FROM ops.deactivations WHERE state NOT IN ('done', 'revoked');

-- name: read_problems(row_limit)
-- Read why rows have no run, or why their runs do not go on, the next to come first.
SELECT id, problem FROM ops.deactivations WHERE state NOT IN ('done', 'revoked') AND problem IS NOT NULL
ORDER BY deactivate_at, id LIMIT :row_limit;

-- name: open_row(member_id, subscription_id, reason, vendor_at, deactivate_at, state, inbox_id, now)^
-- Plan an end.
INSERT INTO ops.deactivations
  (member_id, subscription_id, reason, vendor_at, deactivate_at, state, inbox_id, created_at, updated_at)
VALUES (:member_id, :subscription_id, :reason, :vendor_at, :deactivate_at, :state, :inbox_id, :now, :now)
RETURNING *;

-- name: redate_row(id, reason, vendor_at, deactivate_at, state, inbox_id, actor, why, now)^
-- Give an open row another end and its next generation; its run, if it waits for the old one, is cancelled.
WITH old AS MATERIALIZED (
  SELECT id, dag_run_id, state FROM ops.deactivations WHERE id = :id FOR UPDATE
), cancelled AS (
  INSERT INTO ops.withdrawals (dag_run_id, reason, asked_at)
  SELECT dag_run_id, 'the date was moved', :now FROM old WHERE state = 'scheduled'
  ON CONFLICT DO NOTHING
)
UPDATE ops.deactivations AS moved
SET reason = :reason, vendor_at = :vendor_at, deactivate_at = :deactivate_at, state = :state,
    inbox_id = coalesce(:inbox_id, moved.inbox_id), actor = :actor, why = :why, generation = moved.generation + 1,
    dag_run_id = NULL, taken_by = NULL, decided_at = NULL, applied_at = NULL, problem = NULL, lost_runs = 0,
    scheduled_at = NULL, checked_at = NULL, updated_at = :now
FROM old WHERE moved.id = old.id AND old.state NOT IN ('done', 'revoked')
RETURNING moved.*;

-- name: revoke_row(id, why, actor, inbox_id, now)!
-- Close an open row: it is not to be any more; its run, if it waits, is cancelled.
WITH old AS MATERIALIZED (
  SELECT id, dag_run_id, state FROM ops.deactivations WHERE id = :id FOR UPDATE
), cancelled AS (
  INSERT INTO ops.withdrawals (dag_run_id, reason, asked_at)
  SELECT dag_run_id, :why, :now FROM old WHERE state = 'scheduled'
  ON CONFLICT DO NOTHING
)
UPDATE ops.deactivations AS revoked
SET state = 'revoked', why = :why, actor = :actor, inbox_id = coalesce(:inbox_id, revoked.inbox_id), problem = NULL,
    updated_at = :now, finished_at = :now
FROM old WHERE revoked.id = old.id AND old.state NOT IN ('done', 'revoked');

-- name: move_members(from_ids, to_ids)!
-- Give the rows of merged members to the ones they were merged into.
UPDATE ops.deactivations SET member_id = merged.to_id
FROM unnest(:from_ids::uuid[], :to_ids::uuid[]) AS merged (from_id, to_id)
WHERE deactivations.member_id = merged.from_id;

-- name: wake_schedulers()
-- Tell every listening relay, once this transaction has committed, that there is something to do.
SELECT pg_notify('ops_deactivations', '');

-- name: lead()$
-- Take the lead among relays, or have it already, until the connection ends.
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 2
      AND classid = hashtext('ops.deactivations')::oid AND objid = 0
  ) OR pg_try_advisory_lock(hashtext('ops.deactivations'), 0);

-- name: read_ahead(due_after, row_limit)
-- Read rows without a run that are due later, the next to come first.
SELECT * FROM ops.deactivations WHERE state = 'pending' AND deactivate_at > :due_after
ORDER BY deactivate_at, id LIMIT :row_limit;

-- name: read_overdue(due_by, at_once)
-- Read the oldest rows that are due and have no run, as many as there is room for beside the runs that go on.
SELECT * FROM ops.deactivations WHERE state = 'pending' AND deactivate_at <= :due_by
ORDER BY deactivate_at, id
LIMIT greatest(0, :at_once - (
  SELECT count(DISTINCT coalesce(taken_by, dag_run_id)) FROM ops.deactivations
  WHERE state = 'running' OR (state = 'scheduled' AND deactivate_at <= :due_by)
));

-- name: schedule_row(id, generation, dag_run_id, now)!
-- Write down that Airflow has the run of this generation.
UPDATE ops.deactivations
SET state = 'scheduled', dag_run_id = :dag_run_id, problem = NULL, scheduled_at = :now, checked_at = NULL
WHERE id = :id AND generation = :generation AND state = 'pending';

-- name: wake_scheduler()
-- Tell the executor of a local stack that there is a new run.
SELECT pg_notify('ops_scheduler', '');

-- name: set_problem(id, problem)!
-- Say why a row has no run or its run does not go on.
UPDATE ops.deactivations SET problem = :problem
WHERE id = :id AND state IN ('pending', 'scheduled', 'running') AND problem IS DISTINCT FROM :problem;

-- name: set_run_problem(dag_run_id, problem)!
-- Say why the run of these rows does not go on.
UPDATE ops.deactivations SET problem = :problem
WHERE ((state = 'scheduled' AND dag_run_id = :dag_run_id) OR (state = 'running' AND taken_by = :dag_run_id))
  AND problem IS DISTINCT FROM :problem;

-- name: is_at_work(dag_run_id)$
-- Tell whether a run has rows in its hands.
SELECT EXISTS (SELECT FROM ops.deactivations WHERE taken_by = :dag_run_id AND state = 'running');

-- name: read_cancellations(superfluous_since)
-- Read the runs that Airflow is to delete; those that only have nothing to do, once that has been so for a while.
SELECT dag_run_id, reason, is_optional FROM ops.withdrawals
WHERE NOT is_optional OR asked_at <= :superfluous_since
ORDER BY asked_at, dag_run_id;

-- name: add_cancellation(dag_run_id, reason, now)!
-- Have Airflow delete a run.
INSERT INTO ops.withdrawals (dag_run_id, reason, asked_at) VALUES (:dag_run_id, :reason, :now)
ON CONFLICT DO NOTHING;

-- name: delete_cancellation(dag_run_id)!
-- Write down that Airflow has deleted a run.
DELETE FROM ops.withdrawals WHERE dag_run_id = :dag_run_id;

-- name: take_silent(now, due_by, checked_before)
-- Take the rows whose run should have done something by then; another relay does not get them too.
UPDATE ops.deactivations SET checked_at = :now
WHERE id IN (
  SELECT id FROM ops.deactivations
  WHERE (state = 'running' AND updated_at <= :due_by OR state = 'scheduled' AND deactivate_at <= :due_by)
    AND coalesce(checked_at, scheduled_at, updated_at) <= :checked_before
  ORDER BY deactivate_at, id LIMIT 100
  FOR UPDATE SKIP LOCKED
)
RETURNING CASE state WHEN 'running' THEN taken_by ELSE dag_run_id END AS run;

-- name: reschedule_run(dag_run_id, why, most, now)
-- Let what this run should have done get another one. What it had taken has failed once it has lost so many runs.
UPDATE ops.deactivations
SET state = CASE WHEN state = 'scheduled' OR lost_runs + 1 < :most THEN 'pending' ELSE 'failed' END,
    why = CASE WHEN state = 'scheduled' OR lost_runs + 1 < :most THEN why ELSE :why END,
    lost_runs = lost_runs + CASE state WHEN 'running' THEN 1 ELSE 0 END,
    generation = generation + 1, dag_run_id = NULL, taken_by = NULL, decided_at = NULL, problem = :why,
    scheduled_at = NULL, checked_at = NULL, updated_at = :now
WHERE (state = 'scheduled' AND dag_run_id = :dag_run_id) OR (state = 'running' AND taken_by = :dag_run_id)
RETURNING id;

-- name: lose_run(dag_run_id, why, now)
-- Fail what this run has taken and not ended.
UPDATE ops.deactivations SET state = 'failed', why = :why, problem = NULL, updated_at = :now
WHERE state = 'running' AND taken_by = :dag_run_id
RETURNING id;

-- name: take_due(dag_run_id, own_id, now, row_limit)
-- Take what is due and what this run had taken before, its own row first, then the oldest; the runs that these
-- rows would have had are superfluous.
WITH due AS MATERIALIZED (
  SELECT id, state, dag_run_id FROM ops.deactivations
  WHERE (state IN ('pending', 'scheduled') AND deactivate_at <= :now)
     OR (taken_by = :dag_run_id AND state IN ('running', 'failed'))
     OR (id = :own_id AND state = 'failed' AND deactivate_at <= :now)
  ORDER BY id <> :own_id, deactivate_at, id
  LIMIT :row_limit
  FOR UPDATE SKIP LOCKED
), superfluous AS (
  INSERT INTO ops.withdrawals (dag_run_id, reason, asked_at, is_optional)
  SELECT dag_run_id, 'another run has taken its row', :now, true FROM due
  WHERE state = 'scheduled' AND dag_run_id <> :dag_run_id
  ON CONFLICT DO NOTHING
)
UPDATE ops.deactivations AS taken
SET state = 'running', taken_by = :dag_run_id, problem = NULL, updated_at = :now
FROM due WHERE taken.id = due.id
RETURNING taken.*;

-- name: read_taken(dag_run_id, ids)
-- Read what this run has taken and not ended: all of it, or these rows.
SELECT * FROM ops.deactivations
WHERE taken_by = :dag_run_id AND state IN ('running', 'failed') AND (:ids::bigint[] IS NULL OR id = ANY (:ids::bigint[]))
ORDER BY deactivate_at, id;

-- name: return_row(id, now)!
-- Let a row whose run came too early wait for another one.
UPDATE ops.deactivations
SET state = 'pending', generation = generation + 1, dag_run_id = NULL, taken_by = NULL, decided_at = NULL,
    scheduled_at = NULL, checked_at = NULL, updated_at = :now
WHERE id = :id AND state = 'scheduled';

-- name: decide_rows(ids, now)!
-- Write down that Stripe was asked, and that these are to be.
UPDATE ops.deactivations SET decided_at = :now, updated_at = :now
WHERE id = ANY (:ids::bigint[]) AND state = 'running';

-- name: apply_rows(ids, hidden, now)!
-- Write down that the platform's tables are changed, and whose profiles that has hidden.
UPDATE ops.deactivations
SET state = 'running', applied_at = :now, hid_profile = hid_profile OR member_id = ANY (:hidden::uuid[]),
    updated_at = :now
WHERE id = ANY (:ids::bigint[]) AND state IN ('running', 'failed');

-- name: hide_profiles(member_ids, now)
-- Hide these members' profiles; who had hidden hers is not among those returned.
UPDATE public.users SET is_visible = false, updated_at = :now
WHERE id = ANY (:member_ids::uuid[]) AND is_visible
RETURNING id AS member_id;

-- name: finish_rows(ids, now)!
-- End rows as done.
UPDATE ops.deactivations SET state = 'done', why = NULL, problem = NULL, updated_at = :now, finished_at = :now
WHERE id = ANY (:ids::bigint[]) AND state IN ('running', 'failed');

-- name: fail_rows(id, why, now)*!
-- Stop a row: a person looks.
UPDATE ops.deactivations SET state = 'failed', why = :why, problem = NULL, updated_at = :now
WHERE id = :id AND state IN ('running', 'failed');

-- name: show_profiles(member_ids, now)
-- Show the profiles again that a deactivation has hidden.
WITH back AS (
  UPDATE ops.deactivations SET hid_profile = false
  WHERE member_id = ANY (:member_ids::uuid[]) AND hid_profile
  RETURNING member_id
)
UPDATE public.users SET is_visible = true, updated_at = :now
WHERE id IN (SELECT member_id FROM back)
RETURNING id AS member_id;

-- name: hide_barred(member_ids, now)
-- Hide the profiles of members whom Clerk has barred, and remember whose were visible.
WITH hidden AS (
  UPDATE public.users SET is_visible = false, updated_at = :now
  WHERE id = ANY (:member_ids::uuid[]) AND is_visible
  RETURNING id, clerk_user_id
), noted AS (
  UPDATE ops.accounts SET hid_profile = true WHERE clerk_user_id IN (SELECT clerk_user_id FROM hidden)
)
SELECT id AS member_id FROM hidden;

-- name: show_freed(member_ids, now)
-- Show the profiles again of members who are barred no more.
WITH back AS (
  UPDATE ops.accounts SET hid_profile = false
  FROM public.users
  WHERE users.clerk_user_id = accounts.clerk_user_id AND users.id = ANY (:member_ids::uuid[]) AND hid_profile
  RETURNING users.id
)
UPDATE public.users SET is_visible = true, updated_at = :now
WHERE id IN (SELECT id FROM back)
RETURNING id AS member_id;

-- name: leave_hidden(member_ids)!
-- Let the deactivations of members who are barred no more, and over meanwhile, have hidden their profiles.
WITH back AS (
  UPDATE ops.accounts SET hid_profile = false
  FROM public.users
  WHERE users.clerk_user_id = accounts.clerk_user_id AND users.id = ANY (:member_ids::uuid[]) AND hid_profile
  RETURNING users.id
)
UPDATE ops.deactivations SET hid_profile = true
WHERE id IN (SELECT max(id) FROM ops.deactivations WHERE member_id IN (SELECT id FROM back) GROUP BY member_id);
