-- name: open_run(job, dag_run_id, all_ends, own_ends, rows, tries, is_dry, now)!
-- Begin a run, or begin it anew: it came again under its id, or somebody has cleared the task that asks.
INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, rows, tries, ends_left, is_dry)
VALUES (:job, :dag_run_id, 'running', :now, :rows, :tries, :all_ends, :is_dry)
ON CONFLICT (job, dag_run_id) DO UPDATE
SET status = 'running',
    started_at = CASE job_runs.status WHEN 'running' THEN job_runs.started_at ELSE :now END,
    finished_at = NULL, error_class = NULL, reason = NULL,
    said = CASE job_runs.status WHEN 'running' THEN job_runs.said ELSE '{}' END,
    rows = coalesce(:rows, job_runs.rows),
    tries = greatest(job_runs.tries, :tries),
    ends_left = ARRAY(SELECT unnest(job_runs.ends_left) UNION SELECT unnest(:own_ends::text[]) ORDER BY 1),
    ended_well = job_runs.ended_well OR job_runs.status = 'success';

-- name: try_again(job, dag_run_id, all_ends, rows, tries, is_dry, now)!
-- Write down that a task of a run is tried again; begin the run if its first try could not.
INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, rows, tries, ends_left, is_dry)
VALUES (:job, :dag_run_id, 'running', :now, :rows, :tries, :all_ends, :is_dry)
ON CONFLICT (job, dag_run_id) DO UPDATE SET tries = greatest(job_runs.tries, :tries);

-- name: end_tasks(job, dag_run_id, ends, rows, now)^
-- These tasks ended well; with the last one so does the run. A run that has failed stays so until it is cleared.
UPDATE ops.job_runs
SET ends_left = ARRAY(SELECT name FROM unnest(ends_left) AS name WHERE name <> ALL (:ends::text[]) ORDER BY name),
    rows = coalesce(:rows, rows),
    status = CASE WHEN ends_left <@ :ends::text[] THEN 'success' ELSE status END,
    finished_at = CASE WHEN ends_left <@ :ends::text[] THEN :now ELSE finished_at END,
    error_class = CASE WHEN ends_left <@ :ends::text[] THEN NULL ELSE error_class END,
    reason = CASE WHEN ends_left <@ :ends::text[] THEN NULL ELSE reason END
WHERE job = :job AND dag_run_id = :dag_run_id AND status IN ('running', 'lost')
RETURNING status, extract(epoch FROM finished_at - started_at)::float8 AS seconds;

-- name: count_rows(job, dag_run_id, rows)!
-- Write down how much a run works on.
UPDATE ops.job_runs SET rows = :rows WHERE job = :job AND dag_run_id = :dag_run_id;

-- name: say(job, dag_run_id, task, words)!
-- Write down what a task says of its run, in the place of what it said before.
UPDATE ops.job_runs SET said = said || jsonb_build_object(:task::text, :words::text)
WHERE job = :job AND dag_run_id = :dag_run_id;

-- name: read_said(job, dag_run_id)
-- Read what the tasks of a run have said.
SELECT value AS words FROM ops.job_runs CROSS JOIN LATERAL jsonb_each_text(said)
WHERE job = :job AND dag_run_id = :dag_run_id ORDER BY key;

-- name: fail_run(job, dag_run_id, error_class, reason, started_at, is_dry, now, unless)^
-- Close a run as failed, also one that nobody has begun; not where it stands as one of `unless`, or began anew since.
INSERT INTO ops.job_runs
  (job, dag_run_id, status, started_at, finished_at, tries, error_class, reason, ends_left, is_dry)
VALUES (:job, :dag_run_id, 'failed', :started_at, :now, 1, :error_class, :reason, '{}', :is_dry)
ON CONFLICT (job, dag_run_id) DO UPDATE
SET status = 'failed', finished_at = :now, error_class = :error_class, reason = :reason
WHERE job_runs.status <> ALL (:unless::text[]) AND job_runs.started_at <= :now
RETURNING status, extract(epoch FROM finished_at - started_at)::float8 AS seconds;

-- name: close_run(job, dag_run_id, ended_well, reason, now)^
-- Close a run that does not go on. It is lost, unless Airflow ended it well and it had ended well before.
UPDATE ops.job_runs
SET status = CASE WHEN :ended_well AND ended_well THEN 'success' ELSE 'lost' END,
    finished_at = :now,
    reason = CASE WHEN :ended_well AND ended_well THEN NULL ELSE :reason END
WHERE job = :job AND dag_run_id = :dag_run_id AND status = 'running'
RETURNING status;

-- name: read_running(started_before)
-- Read the runs that began before then and have not ended, oldest first.
SELECT job, dag_run_id, status, started_at, finished_at, rows, tries, error_class, reason
FROM ops.job_runs
WHERE status = 'running' AND started_at < :started_before
ORDER BY started_at, job, dag_run_id;

-- name: read_run(job, dag_run_id)^
-- Read one run.
SELECT job, dag_run_id, status, started_at, finished_at, rows, tries, error_class, reason
FROM ops.job_runs
WHERE job = :job AND dag_run_id = :dag_run_id;
