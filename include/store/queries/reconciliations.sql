-- name: open_run(dag_run_id, is_deep, is_dry_run, now)!
-- Begin the report of a run; begun already, it goes on.
INSERT INTO ops.reconciliations (dag_run_id, is_deep, is_dry_run, started_at)
VALUES (:dag_run_id, :is_deep, :is_dry_run, :now)
ON CONFLICT (dag_run_id) DO UPDATE SET finished_at = NULL;

-- name: save_findings(dag_run_id, findings)!
-- Write down what some checks have found, in the place of what they found in an earlier try.
UPDATE ops.reconciliations SET findings = findings || :findings WHERE dag_run_id = :dag_run_id;

-- name: close_run(dag_run_id, now)!
-- Close the report.
UPDATE ops.reconciliations SET finished_at = :now WHERE dag_run_id = :dag_run_id;

-- name: read_run(dag_run_id)^
-- Read the report of a run.
SELECT * FROM ops.reconciliations WHERE dag_run_id = :dag_run_id;

-- name: read_latest(row_limit)
-- Read the newest reports, newest first.
SELECT * FROM ops.reconciliations ORDER BY started_at DESC LIMIT :row_limit;

-- name: read_last_deep()$
-- Tell when the last deep run began that came to its end and repaired what it might.
SELECT max(started_at) FROM ops.reconciliations WHERE is_deep AND NOT is_dry_run AND finished_at IS NOT NULL;

-- name: find_late_rows(due_before)
-- Find the rows whose run should have been asked for long ago.
SELECT id::text AS id FROM ops.inbox WHERE state = 'waiting' AND due_at < :due_before ORDER BY due_at, id;

-- name: find_late_claims(claimed_before)
-- Find the runs that were claimed long ago and that Airflow still does not have.
SELECT dag_run_id AS id FROM ops.dispatches
WHERE state = 'claimed' AND claimed_at < :claimed_before ORDER BY claimed_at, dag_run_id;

-- name: find_late_ends(due_before)
-- Find the planned ends that should have been done long ago, and those without a date.
SELECT id::text AS id FROM ops.deactivations
WHERE state IN ('pending', 'scheduled', 'running', 'failed') AND deactivate_at < :due_before
ORDER BY deactivate_at, id;

-- name: find_uncertain(before)
-- Find the effects whose answer was lost long ago, oldest first; `letter_id` where a person is asked about it.
SELECT steps.key, steps.member_id, steps.dag_run_id, steps.reason, letter.id AS letter_id,
       coalesce(dispatches.job, 'mailchimp_sync') AS job,
       ARRAY(SELECT inbox.id FROM ops.inbox
             WHERE inbox.dag_run_id = steps.dag_run_id AND inbox.member_id = steps.member_id ORDER BY inbox.id) AS inbox_ids
FROM ops.steps
LEFT JOIN ops.dispatches ON dispatches.dag_run_id = steps.dag_run_id
LEFT JOIN LATERAL (
  SELECT dead_letters.id FROM ops.dead_letters
  WHERE dead_letters.subject = 'step:' || steps.key AND dead_letters.state IN ('open', 'replaying', 'compensating')
  LIMIT 1
) AS letter ON true
WHERE steps.state = 'uncertain' AND coalesce(steps.intended_at, steps.finished_at) < :before
ORDER BY coalesce(steps.intended_at, steps.finished_at), steps.key;

-- name: find_unlettered(before)
-- Find the events that failed long ago, that nothing will try again, and that no person was asked about.
SELECT inbox.id, inbox.job, inbox.member_id, inbox.state, inbox.error_class, inbox.reason, inbox.dag_run_id
FROM ops.inbox
WHERE inbox.state IN ('failed', 'dead') AND inbox.due_at IS NULL
  AND coalesce(inbox.finished_at, inbox.received_at) < :before
  AND NOT EXISTS (SELECT FROM ops.dead_letter_rows AS known WHERE known.inbox_id = inbox.id)
ORDER BY inbox.id;

-- name: find_abandoned(before)
-- Find the effects that were begun so long ago that no run can still be at work on them.
SELECT key AS id FROM ops.steps WHERE state = 'intended' AND intended_at < :before ORDER BY intended_at, key;

-- name: mark_uncertain(before, now)
-- Make such effects uncertain: nothing repeats them, a person decides.
UPDATE ops.steps
SET state = 'uncertain', reason = 'the task ended between the call and its answer', finished_at = :now
WHERE state = 'intended' AND intended_at < :before
RETURNING key AS id;
