-- name: read_ended(since, now, watchers)
-- Count and time the runs that ended after `since` and up to `now`, by job; where job is NULL, of all but the watchers.
-- What only looked is for who started it: it counts nowhere as a success or a failure.
SELECT job, count(*) AS total_runs,
       count(*) FILTER (WHERE status = 'success') AS success_count,
       count(*) FILTER (WHERE status <> 'success') AS failure_count,
       count(*) FILTER (WHERE status = 'lost') AS lost_count,
       avg(seconds) FILTER (WHERE status <> 'lost') AS average_seconds,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE status <> 'lost') AS p95_seconds
FROM (
  SELECT job, job <> ALL (:watchers::text[]) AS is_counted, status,
         extract(epoch FROM finished_at - started_at)::float8 AS seconds
  FROM ops.job_runs
  WHERE finished_at > :since AND finished_at <= :now AND NOT is_dry
) AS ended
GROUP BY GROUPING SETS ((job), (is_counted))
HAVING job IS NOT NULL OR is_counted;

-- name: read_running(now, watchers)
-- Count the runs that were under way at `now`, by job; where job is NULL, of all but the watchers.
SELECT job, count(*) AS running_jobs
FROM (
  SELECT job, job <> ALL (:watchers::text[]) AS is_counted FROM ops.job_runs
  WHERE status = 'running' AND started_at <= :now
  UNION ALL
  SELECT job, job <> ALL (:watchers::text[]) FROM ops.job_runs WHERE finished_at > :now AND started_at <= :now
) AS running
GROUP BY GROUPING SETS ((job), (is_counted))
HAVING job IS NOT NULL OR is_counted;

-- name: read_queue(now)
-- Count the rows that no run has begun with, and tell since when the oldest that is due has not ended, by job; NULL: all.
-- A row in a run's hands has waited since it came; one that is tried again, since it was given to that run.
SELECT job, sum(row_count)::int AS queued_jobs,
       coalesce(extract(epoch FROM :now::timestamptz - min(since)), 0)::float8 AS oldest_waiting_seconds
FROM (
  SELECT job, count(*) AS row_count, min(due_at) FILTER (WHERE due_at <= :now) AS since
  FROM ops.inbox
  WHERE state = 'waiting'
  GROUP BY job
  UNION ALL
  SELECT dispatches.job, count(*) FILTER (WHERE dispatches.state = 'claimed'),
         min(CASE WHEN inbox.attempts > 1 THEN inbox.dispatched_at ELSE inbox.received_at END)
  FROM ops.dispatches JOIN ops.inbox USING (dag_run_id)
  WHERE dispatches.state IN ('claimed', 'started') AND inbox.state = 'dispatched'
  GROUP BY dispatches.job
) AS queue
GROUP BY GROUPING SETS ((job), ())
HAVING count(*) > 0;

-- name: read_rows(since, now, sla_seconds)
-- Time the rows that ended after `since` and up to `now`, and tell which share failed, by job; where job is NULL, of all.
SELECT job,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE ended_well) AS latency_p50_seconds,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE ended_well) AS latency_p95_seconds,
       count(*) FILTER (WHERE ended_well AND seconds > :sla_seconds)::int AS late_count,
       avg(CASE WHEN ended_well THEN 0.0 ELSE 1.0 END)::float8 AS error_rate
FROM (
  SELECT job, state IN ('processed', 'superseded') AS ended_well,
         extract(epoch FROM finished_at - received_at)::float8 AS seconds
  FROM ops.inbox
  WHERE state IN ('processed', 'superseded', 'failed', 'dead') AND job IS NOT NULL
    AND finished_at > :since AND finished_at <= :now
) AS ended
GROUP BY GROUPING SETS ((job), ())
HAVING count(*) > 0;

-- name: read_last_errors(now)
-- Read the last run of each job that failed up to `now`: one look into the index per job, however many failed.
WITH RECURSIVE jobs AS (
  (SELECT job FROM ops.job_runs WHERE status IN ('failed', 'lost') ORDER BY job LIMIT 1)
  UNION ALL
  SELECT (SELECT job FROM ops.job_runs WHERE status IN ('failed', 'lost') AND job > jobs.job ORDER BY job LIMIT 1)
  FROM jobs
  WHERE jobs.job IS NOT NULL
)
SELECT last.job, last.dag_run_id, last.finished_at AS at, last.error_class, last.reason
FROM jobs CROSS JOIN LATERAL (
  SELECT job, dag_run_id, finished_at, error_class, reason
  FROM ops.job_runs
  WHERE job_runs.job = jobs.job AND status IN ('failed', 'lost') AND finished_at <= :now AND NOT is_dry
  ORDER BY finished_at DESC
  LIMIT 1
) AS last
ORDER BY last.finished_at DESC, last.job;

-- name: count_dead_letters()
-- Count the dead letters that wait for a person, by job; where job is NULL, all.
SELECT job, count(*) AS dlq_count FROM ops.dead_letters WHERE state = 'open'
GROUP BY GROUPING SETS ((job), ())
HAVING count(*) > 0;

-- name: read_breakers(now)
-- Read which vendors are not called, since when and why, when one is tried again, and which rows of how many members wait for it.
-- One that was up when a person paused it is called again from then on: the next run writes that down.
SELECT vendor, state, opened_at, reason, probe_at, paused_by, paused_why, waiting.*
FROM ops.breakers CROSS JOIN LATERAL (
  SELECT count(DISTINCT inbox.id) AS row_count, count(DISTINCT letter.member_id) AS member_count,
         (array_agg(DISTINCT letter.member_id) FILTER (WHERE letter.member_id IS NOT NULL))[1 : 10] AS some_members
  FROM ops.dead_letters AS letter
  JOIN ops.dead_letter_rows ON dead_letter_rows.dead_letter_id = letter.id
  JOIN ops.inbox ON inbox.id = dead_letter_rows.inbox_id AND inbox.state IN ('waiting', 'dispatched', 'failed')
  WHERE letter.vendor = breakers.vendor AND letter.closed_at IS NULL
) AS waiting
WHERE state <> 'closed' AND NOT (openings = 0 AND probe_at <= :now) ORDER BY vendor;

-- name: read_webhooks(since, now, again)
-- Count what relays refused, by minutes that are over, and what reconciliation read in; tell for how long webhooks have not come.
SELECT NULL AS job,
       (SELECT coalesce(sum(count), 0)::bigint FROM ops.rejections
        WHERE hour > :since::timestamptz - interval '1 min' AND hour <= :now::timestamptz - interval '1 min'
          AND provider <> 'relay' AND reason <> :again) AS refused_count,
       (SELECT coalesce(sum((findings -> checked ->> 'found')::int), 0)::int
        FROM ops.reconciliations CROSS JOIN unnest(ARRAY['missed_stripe', 'missed_clerk']) AS checked
        WHERE started_at > :since::timestamptz - interval '1 day' AND finished_at > :since AND finished_at <= :now
          AND NOT is_dry_run) AS missed_events,
       (SELECT coalesce(extract(epoch FROM :now::timestamptz - min(since)) / 60, 0)::float8
        FROM ops.silences WHERE ended_at IS NULL) AS silent_minutes;
