-- name: count_inbox_bodies(before)$
-- Count the ended events that still have their body.
SELECT count(*) FROM ops.inbox
WHERE body IS NOT NULL AND state IN ('processed', 'superseded', 'ignored') AND coalesce(finished_at, received_at) < :before
  AND NOT EXISTS (
    SELECT FROM ops.deactivations WHERE inbox_id = inbox.id AND deactivations.state NOT IN ('done', 'revoked')
  );

-- name: remove_inbox_bodies(before, row_limit)!
-- Empty the bodies of ended events; not of the one that a pending end came from.
UPDATE ops.inbox SET body = NULL, headers = '{}'
WHERE id IN (
  SELECT id FROM ops.inbox
  WHERE body IS NOT NULL AND state IN ('processed', 'superseded', 'ignored') AND coalesce(finished_at, received_at) < :before
    AND NOT EXISTS (
      SELECT FROM ops.deactivations WHERE inbox_id = inbox.id AND deactivations.state NOT IN ('done', 'revoked')
    )
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_inbox_conflicts(before)$
-- Count the other bodies of events that have ended.
SELECT count(*) FROM ops.inbox_conflicts JOIN ops.inbox ON inbox.id = inbox_id
WHERE inbox_conflicts.received_at < :before AND state IN ('processed', 'superseded', 'ignored');

-- name: remove_inbox_conflicts(before, row_limit)!
-- Delete the other bodies of events that have ended.
DELETE FROM ops.inbox_conflicts
WHERE id IN (
  SELECT inbox_conflicts.id FROM ops.inbox_conflicts JOIN ops.inbox ON inbox.id = inbox_id
  WHERE inbox_conflicts.received_at < :before AND state IN ('processed', 'superseded', 'ignored')
  LIMIT :row_limit FOR UPDATE OF inbox_conflicts SKIP LOCKED
);

-- name: count_run_members(before)$
-- Count the recorded outcomes.
SELECT count(*) FROM ops.run_members WHERE recorded_at < :before;

-- name: remove_run_members(before, row_limit)!
-- Delete recorded outcomes: what they changed is in the audit log.
DELETE FROM ops.run_members
WHERE (dag_run_id, member_id) IN (
  SELECT dag_run_id, member_id FROM ops.run_members WHERE recorded_at < :before
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_step_details(before)$
-- Count the ended effects that still have details.
SELECT count(*) FROM ops.steps
WHERE state IN ('done', 'refused') AND finished_at < :before AND (dag_run_id IS NOT NULL OR reason IS NOT NULL);

-- name: remove_step_details(before, row_limit)!
-- Empty the details of ended effects. The row stays: it is what keeps the effect from happening again.
UPDATE ops.steps SET dag_run_id = NULL, reason = NULL
WHERE key IN (
  SELECT key FROM ops.steps
  WHERE state IN ('done', 'refused') AND finished_at < :before AND (dag_run_id IS NOT NULL OR reason IS NOT NULL)
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_dispatches(before)$
-- Count the runs that have ended and hold no row any more.
SELECT count(*) FROM ops.dispatches
WHERE state IN ('finished', 'lost') AND finished_at < :before
  AND NOT EXISTS (SELECT FROM ops.inbox WHERE inbox.dag_run_id = dispatches.dag_run_id AND inbox.state = 'dispatched');

-- name: remove_dispatches(before, row_limit)!
-- Delete the runs that have ended and hold no row any more.
DELETE FROM ops.dispatches
WHERE dag_run_id IN (
  SELECT dag_run_id FROM ops.dispatches
  WHERE state IN ('finished', 'lost') AND finished_at < :before
    AND NOT EXISTS (SELECT FROM ops.inbox WHERE inbox.dag_run_id = dispatches.dag_run_id AND inbox.state = 'dispatched')
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_rejections(before)$
-- Count the hours' counters.
SELECT count(*) FROM ops.rejections WHERE hour < :before;

-- name: remove_rejections(before, row_limit)!
-- Delete counters of refused requests.
DELETE FROM ops.rejections
WHERE (hour, provider, reason) IN (
  SELECT hour, provider, reason FROM ops.rejections WHERE hour < :before LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_cron_ticks(before)$
-- Count the ticks.
SELECT count(*) FROM ops.cron_ticks WHERE tick_at < :before;

-- name: remove_cron_ticks(before, row_limit)!
-- Delete ticks.
DELETE FROM ops.cron_ticks
WHERE (job, tick_at) IN (
  SELECT job, tick_at FROM ops.cron_ticks WHERE tick_at < :before LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_job_runs(before)$
-- Count the runs of jobs that have ended.
SELECT count(*) FROM ops.job_runs WHERE finished_at < :before;

-- name: remove_job_runs(before, row_limit)!
-- Delete runs of jobs that have ended.
DELETE FROM ops.job_runs
WHERE (job, dag_run_id) IN (
  SELECT job, dag_run_id FROM ops.job_runs WHERE finished_at < :before LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_reconciliations(before)$
-- Count the reports.
SELECT count(*) FROM ops.reconciliations WHERE started_at < :before;

-- name: remove_reconciliations(before, row_limit)!
-- Delete reports of reconciliation.
DELETE FROM ops.reconciliations
WHERE dag_run_id IN (
  SELECT dag_run_id FROM ops.reconciliations WHERE started_at < :before LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_notice_runs(before)$
-- Count the failed runs of notices that are over.
SELECT count(*) FROM ops.notice_runs JOIN ops.notices USING (key)
WHERE notices.state = 'recovered' AND notice_runs.failed_at < :before;

-- name: remove_notice_runs(before, row_limit)!
-- Delete which failed runs a notice was about that is over; the notice itself stays, one row per kind of failure.
DELETE FROM ops.notice_runs
WHERE (job, dag_run_id) IN (
  SELECT notice_runs.job, notice_runs.dag_run_id FROM ops.notice_runs JOIN ops.notices USING (key)
  WHERE notices.state = 'recovered' AND notice_runs.failed_at < :before
  LIMIT :row_limit FOR UPDATE OF notice_runs SKIP LOCKED
);

-- name: count_findings(before)$
-- Count the findings that are over, or that a person has closed, and that nothing has brought up since.
SELECT count(*) FROM ops.findings WHERE state <> 'open' AND greatest(ended_at, seen_at) < :before;

-- name: remove_findings(before, row_limit)!
-- Delete findings that nobody has to look at any more; their audit rows stay.
DELETE FROM ops.findings
WHERE id IN (
  SELECT id FROM ops.findings WHERE state <> 'open' AND greatest(ended_at, seen_at) < :before
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_reviews(before)$
-- Count the reviews that are over: carried out, or not answered in time.
SELECT count(*) FROM ops.reviews
WHERE state IN ('done', 'unanswered') AND coalesce(finished_at, answered_at) < :before;

-- name: remove_reviews(before, row_limit)!
-- Delete reviews that are over; not one that still waits for its answer or for what was decided. The letters' audit rows stay.
DELETE FROM ops.reviews
WHERE dag_run_id IN (
  SELECT dag_run_id FROM ops.reviews
  WHERE state IN ('done', 'unanswered') AND coalesce(finished_at, answered_at) < :before
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_alert_events(before)$
-- Count what happened to alerts that are not firing since.
SELECT count(*) FROM ops.alert_events AS events
WHERE at < :before AND NOT EXISTS (
  SELECT FROM ops.alert_states AS states
  WHERE states.rule = events.rule AND states.state = 'firing' AND states.fired_at = events.fired_at
);

-- name: remove_alert_events(before, row_limit)!
-- Delete what happened to alerts, and who was told; not of one that fires since, whose end will be told to the same.
DELETE FROM ops.alert_events
WHERE id IN (
  SELECT id FROM ops.alert_events AS events
  WHERE at < :before AND NOT EXISTS (
    SELECT FROM ops.alert_states AS states
    WHERE states.rule = events.rule AND states.state = 'firing' AND states.fired_at = events.fired_at
  )
  LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: count_alert_samples(before)$
-- Count the samples.
SELECT count(*) FROM ops.alert_samples WHERE at < :before;

-- name: remove_alert_samples(before, row_limit)!
-- Delete what the alert rules were told.
DELETE FROM ops.alert_samples
WHERE (at, job) IN (
  SELECT at, job FROM ops.alert_samples WHERE at < :before LIMIT :row_limit FOR UPDATE SKIP LOCKED
);

-- name: analyze_tables()!
-- Tell the planner what is left.
ANALYZE ops.inbox, ops.inbox_conflicts, ops.run_members, ops.steps, ops.dispatches, ops.rejections, ops.cron_ticks,
  ops.job_runs, ops.reconciliations, ops.notice_runs, ops.alert_events, ops.alert_messages, ops.alert_samples, ops.reviews,
  ops.findings;
