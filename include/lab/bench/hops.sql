-- name: of_runs(dag_run_ids)
-- Read the moments of runs and their tasks that Airflow has written down, in seconds of the clock that all share.
SELECT run_id, extract(epoch FROM dag_run.queued_at)::float8 AS run_at, task_id,
       extract(epoch FROM task.queued_dttm)::float8 AS queued_at,
       extract(epoch FROM task.start_date)::float8 AS started_at, extract(epoch FROM task.end_date)::float8 AS ended_at
FROM dag_run JOIN task_instance AS task USING (dag_id, run_id)
WHERE run_id = ANY (:dag_run_ids::text[]) AND task.queued_dttm IS NOT NULL
ORDER BY run_id, queued_at;

-- name: of_rows(mark)
-- Read the moments of webhooks that were alone in their run.
SELECT dag_run_id, extract(epoch FROM min(received_at))::float8 AS received_at,
       extract(epoch FROM min(finished_at))::float8 AS finished_at
FROM ops.inbox WHERE id > :mark AND state = 'processed' GROUP BY dag_run_id HAVING count(*) = 1;
