-- name: find_names(prefix, row_limit)
-- Find the members whose whole name, or family name, begins so.
SELECT id AS member_id FROM public.users
WHERE lower(concat_ws(' ', first_name, last_name)) LIKE :prefix OR lower(last_name) LIKE :prefix
ORDER BY last_name, first_name, id LIMIT :row_limit;

-- name: find_runs(dag_run_id)
-- Find a run by its id, whatever its job.
SELECT job, dag_run_id, status, started_at, finished_at, rows, tries, error_class, reason
FROM ops.job_runs WHERE dag_run_id = :dag_run_id ORDER BY job;

-- name: read_run_members(dag_run_id, row_limit)
-- Read the members in a run and what came of each; of one whose outcome is not known yet, that she is in it.
SELECT member_id, max(outcome) AS outcome, max(reason) AS reason FROM (
  SELECT member_id, outcome, reason FROM ops.run_members WHERE dag_run_id = :dag_run_id
  UNION ALL
  SELECT member_id, NULL, NULL FROM ops.inbox WHERE dag_run_id = :dag_run_id AND member_id IS NOT NULL
  UNION ALL
  SELECT member_id, state, why FROM ops.deactivations WHERE taken_by = :dag_run_id OR dag_run_id = :dag_run_id
) AS found
GROUP BY member_id ORDER BY member_id LIMIT :row_limit;

-- name: count_run_outcomes(dag_run_id)
-- Count the members in a run by what came of them, the most first; without an outcome nothing has yet.
SELECT outcome, count(*) AS number FROM (
  SELECT member_id, max(outcome) AS outcome FROM (
    SELECT member_id, outcome FROM ops.run_members WHERE dag_run_id = :dag_run_id
    UNION ALL
    SELECT member_id, NULL FROM ops.inbox WHERE dag_run_id = :dag_run_id AND member_id IS NOT NULL
    UNION ALL
    SELECT member_id, state FROM ops.deactivations WHERE taken_by = :dag_run_id OR dag_run_id = :dag_run_id
  ) AS found
  GROUP BY member_id
) AS members
GROUP BY outcome ORDER BY number DESC, outcome;

-- name: read_step(key)^
-- Read one effect: where it stands, and since when.
SELECT state, reason, planned_at, intended_at, finished_at FROM ops.steps WHERE key = :key;

-- name: read_places(member_id)^
-- Read when her contact was brought to what it is, and who she is at Slack.
SELECT (SELECT synced_at FROM ops.contacts WHERE member_id = :member_id) AS synced_at,
       slack_people.slack_user_id, slack_lapses.since AS lapsed_since
FROM (SELECT) AS one
LEFT JOIN ops.slack_people ON slack_people.member_id = :member_id
LEFT JOIN ops.slack_lapses USING (slack_user_id);

-- name: read_names(member_ids)
-- Read what people call these members.
SELECT id AS member_id, trim(concat_ws(' ', first_name, last_name)) AS name, email
FROM public.users WHERE id = ANY (:member_ids::uuid[]);

-- name: find_kept(since)
-- Find the planned ends that a person has revoked since then, the latest first.
SELECT id FROM ops.deactivations
WHERE state = 'revoked' AND actor IS NOT NULL AND finished_at > :since ORDER BY finished_at DESC LIMIT 50;

-- name: read_run_hours(since, watchers)
-- Count the runs that ended, by hour: well, and not.
SELECT date_trunc('hour', finished_at) AS hour, count(*) FILTER (WHERE status = 'success') AS well,
       count(*) FILTER (WHERE status <> 'success') AS failed
FROM ops.job_runs WHERE finished_at > :since AND job <> ALL (:watchers::text[]) AND NOT is_dry
GROUP BY 1 ORDER BY 1;

-- name: read_row_hours(since)
-- Time the events that ended well, by hour, from their receipt on.
SELECT date_trunc('hour', finished_at) AS hour,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - received_at))::float8 AS p50,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - received_at))::float8 AS p95
FROM ops.inbox WHERE state IN ('processed', 'superseded') AND job IS NOT NULL AND finished_at > :since
GROUP BY 1 ORDER BY 1;

-- name: read_age_hours(since)
-- Read how old the oldest event that waited became, by hour, as the alert rules were told each minute.
SELECT date_trunc('hour', at) AS hour, max(oldest_waiting_seconds) AS seconds
FROM ops.alert_samples WHERE job = '' AND at > :since AND oldest_waiting_seconds IS NOT NULL
GROUP BY 1 ORDER BY 1;

-- name: read_events(state, before, row_limit)
-- Read stored events of one state, or of all, the newest first; without their bodies.
SELECT id, provider, type, event_id, state, reason, received_at FROM ops.inbox
WHERE (:state::text IS NULL OR state = :state) AND id < :before ORDER BY id DESC LIMIT :row_limit;
