-- name: note_ticks(job, tick_at, outcome, dag_run_id, started_at, late_seconds, reason, now)*!
-- Write a tick down; a run that came after all replaces what was missed.
INSERT INTO ops.cron_ticks (job, tick_at, outcome, dag_run_id, started_at, late_seconds, reason, noted_at)
VALUES (:job, :tick_at, :outcome, :dag_run_id, :started_at, :late_seconds, :reason, :now)
ON CONFLICT (job, tick_at) DO UPDATE
SET outcome = excluded.outcome, dag_run_id = excluded.dag_run_id, started_at = excluded.started_at,
    late_seconds = excluded.late_seconds, reason = excluded.reason, noted_at = excluded.noted_at
WHERE cron_ticks.dag_run_id IS NULL AND excluded.dag_run_id IS NOT NULL;

-- name: read_last(job)$
-- Read the newest tick of a job that is written down.
SELECT max(tick_at) FROM ops.cron_ticks WHERE job = :job;

-- name: has_any()$
-- Tell whether any tick is written down.
SELECT EXISTS (SELECT FROM ops.cron_ticks);

-- name: read_missed(job, since)
-- Read the ticks of a job of which no run was seen yet.
SELECT tick_at FROM ops.cron_ticks
WHERE job = :job AND tick_at >= :since AND dag_run_id IS NULL ORDER BY tick_at;

-- name: read_ticks(since)
-- Read all ticks from then on, newest first.
SELECT * FROM ops.cron_ticks WHERE tick_at >= :since ORDER BY tick_at DESC, job;
