-- name: read_waiting_dags(begun_before)
-- Read the DAGs of runs and tasks that began before and have not ended: a wait is not to be deleted under them.
SELECT dag_id FROM dag_run WHERE state IN ('queued', 'running') AND start_date < :begun_before
UNION
SELECT dag_id FROM task_instance
WHERE start_date < :begun_before
  AND (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
ORDER BY dag_id;

-- name: read_permissions(username)
-- Read what a user may do at Airflow, by roles of its own and of its groups.
WITH roles AS (
  SELECT role_id FROM ab_user_role JOIN ab_user ON ab_user.id = user_id WHERE username = :username
  UNION
  SELECT role_id FROM ab_group_role
  JOIN ab_user_group USING (group_id)
  JOIN ab_user ON ab_user.id = user_id
  WHERE username = :username
)
SELECT DISTINCT ab_permission.name AS action, ab_view_menu.name AS resource
FROM roles
JOIN ab_permission_view_role USING (role_id)
JOIN ab_permission_view ON ab_permission_view.id = permission_view_id
JOIN ab_permission ON ab_permission.id = permission_id
JOIN ab_view_menu ON ab_view_menu.id = view_menu_id;

-- name: read_pools()
-- Read the pools and how many tasks each lets run at once.
SELECT pool, slots FROM slot_pool;

-- name: read_import_errors()
-- Read which files cannot be imported.
SELECT filename FROM import_error ORDER BY filename;

-- name: redact_answers(dag_id, dag_run_id, field)!
-- Take what a person has typed into a field out of a run's answers.
UPDATE hitl_detail SET params_input = jsonb_set(params_input::jsonb, ARRAY[:field], '"***"')::json
FROM task_instance AS ti
WHERE ti.id = hitl_detail.ti_id AND ti.dag_id = :dag_id AND ti.run_id = :dag_run_id
  AND params_input::jsonb ->> :field <> '';

-- name: redact_old_answers(dag_id, dag_run_id, field)!
-- The same of tries that were cleared.
UPDATE hitl_detail_history SET params_input = jsonb_set(params_input::jsonb, ARRAY[:field], '"***"')::json
FROM task_instance_history AS ti
WHERE ti.task_instance_id = hitl_detail_history.ti_history_id AND ti.dag_id = :dag_id AND ti.run_id = :dag_run_id
  AND params_input::jsonb ->> :field <> '';

-- name: redact_logged_answers(dag_id, dag_run_id, field)!
-- The same of Airflow's audit log, which has the whole request.
UPDATE log SET extra = jsonb_set(extra::jsonb, ARRAY['params_input', :field], '"***"')::text
WHERE dag_id = :dag_id AND run_id = :dag_run_id AND event = 'update_hitl_detail'
  AND extra::jsonb -> 'params_input' ->> :field <> '';

-- name: drop_deadlines(dag_id, dag_run_id)!
-- Take away the deadlines of a run that failed before them (apache/airflow#60927).
DELETE FROM deadline USING dag_run
WHERE dag_run.id = deadline.dagrun_id AND dag_run.dag_id = :dag_id AND dag_run.run_id = :dag_run_id
  AND dag_run.state = 'failed' AND NOT deadline.missed AND dag_run.end_date <= deadline.deadline_time;

-- name: write_note(dag_id, dag_run_id, words, mark)!
-- Write a run's note. What a person has written there stays, and ours follows it after a mark.
INSERT INTO dag_run_note (dag_run_id, content, created_at, updated_at)
SELECT id, left(:words, 1000), now(), now() FROM dag_run WHERE dag_id = :dag_id AND run_id = :dag_run_id
ON CONFLICT (dag_run_id) DO UPDATE
SET content = CASE WHEN dag_run_note.user_id IS NULL THEN excluded.content
                   ELSE left(concat(split_part(dag_run_note.content, :mark, 1), :mark, :words), 1000) END,
    updated_at = excluded.updated_at;

-- name: drop_form(id)!
-- Take away the form of a task that asks no more.
DELETE FROM hitl_detail WHERE ti_id = :id::uuid AND responded_at IS NULL;

-- name: read_tables()
-- Read the names of all of Airflow's tables.
SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name;
