-- name: lock_job(job)
-- Let one relay at a time decide about a job, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtext('ops.dispatches'), hashtext(:job));

-- name: count_in_flight(job)$
-- Count the runs of a job that are asked for or going on.
SELECT count(*) FROM ops.dispatches WHERE job = :job AND state IN ('claimed', 'started');

-- name: open_dispatch(dag_run_id, job, row_count, now)!
-- Write down that a run is to be started.
INSERT INTO ops.dispatches (dag_run_id, job, rows, state, claimed_at)
VALUES (:dag_run_id, :job, :row_count, 'claimed', :now);

-- name: adopt_dispatch(dag_run_id, job, row_count, now)!
-- Follow a run that goes on already: a person started or cleared it.
INSERT INTO ops.dispatches (dag_run_id, job, rows, state, claimed_at, started_at)
VALUES (:dag_run_id, :job, :row_count, 'started', :now, :now)
ON CONFLICT (dag_run_id) DO UPDATE
  SET state = 'started', started_at = :now, checked_at = NULL, finished_at = NULL, problem = NULL
  WHERE dispatches.state IN ('finished', 'lost');

-- name: close_empty(now)!
-- Close the runs that were never started and whose rows were ended by somebody else.
UPDATE ops.dispatches SET state = 'finished', finished_at = :now, problem = NULL
WHERE state = 'claimed'
  AND NOT EXISTS (SELECT FROM ops.inbox WHERE inbox.dag_run_id = dispatches.dag_run_id AND inbox.state = 'dispatched');

-- name: read_unstarted(job, claimed_before)
-- Read the runs that nobody could start: those that were tried, and those whose relay has been silent too long.
SELECT dag_run_id, array_agg(inbox.id ORDER BY inbox.id) AS inbox_ids
FROM ops.dispatches JOIN ops.inbox USING (dag_run_id)
WHERE dispatches.job = :job AND dispatches.state = 'claimed' AND inbox.state = 'dispatched'
  AND (problem IS NOT NULL OR claimed_at <= :claimed_before)
GROUP BY dag_run_id, claimed_at
ORDER BY claimed_at, dag_run_id;

-- name: start_dispatch(dag_run_id, now)!
-- Write down that Airflow has the run; a run that has finished in the meantime stays finished.
UPDATE ops.dispatches SET state = 'started', started_at = :now, problem = NULL
WHERE dag_run_id = :dag_run_id AND state = 'claimed';

-- name: wake_scheduler()
-- Tell the executor of a local stack that there is a new run.
SELECT pg_notify('ops_scheduler', '');

-- name: set_problem(dag_run_id, problem)!
-- Say why a run is not started or does not go on; NULL when all is well again.
UPDATE ops.dispatches SET problem = :problem
WHERE dag_run_id = :dag_run_id AND state IN ('claimed', 'started');

-- name: take_unchecked(now, checked_before)
-- Take the runs that Airflow has not been asked about for a while; another relay does not get them too.
UPDATE ops.dispatches SET checked_at = :now
WHERE dag_run_id IN (
  SELECT dag_run_id FROM ops.dispatches
  WHERE state = 'started' AND coalesce(checked_at, started_at) <= :checked_before
  FOR UPDATE SKIP LOCKED
)
RETURNING dag_run_id, job;

-- name: finish_dispatch(dag_run_id, now)!
-- Close a run when none of its rows is in its hands any more.
UPDATE ops.dispatches SET state = 'finished', finished_at = :now, problem = NULL
WHERE dag_run_id = :dag_run_id AND state IN ('claimed', 'started')
  AND NOT EXISTS (SELECT FROM ops.inbox WHERE inbox.dag_run_id = :dag_run_id AND inbox.state = 'dispatched');

-- name: lose_dispatch(dag_run_id, problem, now)!
-- Close a run that ended without recording its rows.
UPDATE ops.dispatches SET state = 'lost', finished_at = :now, problem = :problem
WHERE dag_run_id = :dag_run_id AND state IN ('claimed', 'started');

-- name: read_open()
-- Read the runs that are asked for or going on.
SELECT * FROM ops.dispatches WHERE state IN ('claimed', 'started') ORDER BY claimed_at, dag_run_id;

-- name: read_dispatch(dag_run_id)^
-- Read one run.
SELECT * FROM ops.dispatches WHERE dag_run_id = :dag_run_id;
