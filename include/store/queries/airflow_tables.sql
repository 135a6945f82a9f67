-- name: read_waiting_dags(begun_before)
-- Read the DAGs of runs and tasks that began before and have not ended: a wait is not to be deleted under them.
SELECT dag_id FROM dag_run WHERE state IN ('queued', 'running') AND start_date < :begun_before
UNION
SELECT dag_id FROM task_instance
WHERE start_date < :begun_before
  AND (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
ORDER BY dag_id;
