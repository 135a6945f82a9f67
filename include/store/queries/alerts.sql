-- name: lock_evaluation()$
-- Take the one row that says when the rules were last evaluated; whoever else wants it waits.
SELECT evaluated_at FROM ops.alert_evaluation FOR UPDATE;

-- name: note_evaluation(now)!
-- Write down that the rules were evaluated.
UPDATE ops.alert_evaluation SET evaluated_at = :now;

-- name: read_evaluation()$
-- Read when the rules were last evaluated; NULL: never.
SELECT evaluated_at FROM ops.alert_evaluation;

-- name: read_states()
-- Read where each rule stands.
SELECT rule, state, since, fired_at, told_at, resolved_at, job, numbers FROM ops.alert_states ORDER BY rule;

-- name: write_state(rule, state, since, fired_at, told_at, resolved_at, job, numbers, now)*!
-- Write down where a rule stands.
INSERT INTO ops.alert_states (rule, state, since, fired_at, told_at, resolved_at, job, numbers, evaluated_at)
VALUES (:rule, :state, :since, :fired_at, :told_at, :resolved_at, :job, :numbers, :now)
ON CONFLICT (rule) DO UPDATE
SET (state, since, fired_at, told_at, resolved_at, job, numbers, evaluated_at) =
    (EXCLUDED.state, EXCLUDED.since, EXCLUDED.fired_at, EXCLUDED.told_at, EXCLUDED.resolved_at, EXCLUDED.job,
     EXCLUDED.numbers, EXCLUDED.evaluated_at);

-- name: read_pauses()
-- Read what people have said of alerts.
SELECT rule, kind, actor, why, made_at, until, fired_at, vendor, down_since FROM ops.alert_pauses ORDER BY rule;

-- name: write_pause(rule, kind, actor, why, made_at, until, fired_at, vendor, down_since)!
-- Write down what somebody says of an alert; it takes the place of what was said before.
INSERT INTO ops.alert_pauses (rule, kind, actor, why, made_at, until, fired_at, vendor, down_since)
VALUES (:rule, :kind, :actor, :why, :made_at, :until, :fired_at, :vendor, :down_since)
ON CONFLICT (rule) DO UPDATE
SET (kind, actor, why, made_at, until, fired_at, vendor, down_since) =
    (EXCLUDED.kind, EXCLUDED.actor, EXCLUDED.why, EXCLUDED.made_at, EXCLUDED.until, EXCLUDED.fired_at,
     EXCLUDED.vendor, EXCLUDED.down_since);

-- name: end_pause(rule)!
-- Take back what was said of an alert.
DELETE FROM ops.alert_pauses WHERE rule = :rule;

-- name: add_event(rule, what, at, since, fired_at, job, numbers, condition, message)$
-- Keep what happened to a rule.
INSERT INTO ops.alert_events (rule, what, at, since, fired_at, job, numbers, condition, message)
VALUES (:rule, :what, :at, :since, :fired_at, :job, :numbers, :condition, :message)
RETURNING id;

-- name: read_events(since, until)
-- Read what happened to the rules in a time, oldest first.
SELECT rule, what, at, since, fired_at, job, numbers
FROM ops.alert_events WHERE at >= :since AND at <= :until ORDER BY at, id;

-- name: plan_message(event_id, channel, target, in_place_of, note, now)!
-- Plan to tell somebody, unless that was planned before.
INSERT INTO ops.alert_messages (event_id, channel, target, in_place_of, note, state, due_at)
VALUES (:event_id, :channel, :target, :in_place_of, :note, 'planned', :now)
ON CONFLICT (event_id, channel, target) DO NOTHING;

-- name: read_told(rule, fired_at)
-- Read who was told, or may have been, that a rule began to fire then.
SELECT DISTINCT ON (channel, target) messages.channel, messages.target
FROM ops.alert_messages AS messages JOIN ops.alert_events AS events ON events.id = messages.event_id
WHERE events.rule = :rule AND events.fired_at = :fired_at AND events.what <> 'resolved'
  AND messages.state IN ('intended', 'done', 'uncertain')
ORDER BY channel, target;

-- name: drop_messages(rule, fired_at, now)!
-- Give up messages of a firing that nobody was told of before it was over.
UPDATE ops.alert_messages AS messages
SET state = 'dropped', finished_at = :now, reason = concat_ws('; ', messages.reason, 'it was over before')
FROM ops.alert_events AS events
WHERE events.id = messages.event_id AND events.rule = :rule AND events.fired_at = :fired_at
  AND events.what <> 'resolved' AND messages.state = 'planned';

-- name: read_due(now, stale_since)
-- Read the messages that are due, and those begun by a task that has ended since; oldest first.
SELECT messages.id, messages.event_id, events.rule, messages.channel, messages.target, messages.in_place_of,
  messages.note, messages.state, messages.attempts, events.message
FROM ops.alert_messages AS messages JOIN ops.alert_events AS events ON events.id = messages.event_id
WHERE (messages.state = 'planned' AND messages.due_at <= :now)
   OR (messages.state = 'intended' AND messages.intended_at < :stale_since)
ORDER BY messages.id;

-- name: intend_message(id, now, stale_since)$
-- Take a message: whoever takes it sends it.
UPDATE ops.alert_messages SET state = 'intended', intended_at = :now, attempts = attempts + 1
WHERE id = :id AND (state = 'planned' OR (state = 'intended' AND intended_at < :stale_since))
RETURNING attempts;

-- name: end_message(id, state, reason, receipt, due_at, now)!
-- Write down what came of it.
UPDATE ops.alert_messages
SET state = :state, reason = :reason, receipt = :receipt, due_at = coalesce(:due_at, due_at),
  finished_at = CASE WHEN :state = 'planned' THEN NULL ELSE :now::timestamptz END
WHERE id = :id;

-- name: has_reached_somebody(event_id)$
-- Tell whether anybody was told of it.
SELECT EXISTS (SELECT FROM ops.alert_messages WHERE event_id = :event_id AND state = 'done');

-- name: read_fired_message(rule, fired_at)$
-- Read what was told when a rule began to fire.
SELECT message FROM ops.alert_events WHERE rule = :rule AND fired_at = :fired_at AND message IS NOT NULL ORDER BY id LIMIT 1;

-- name: read_failed_runs(job, since, until, watchers, row_limit)
-- Read the newest failed runs of a job, or of any that counts among all jobs, in a time.
SELECT job, dag_run_id FROM ops.job_runs
WHERE status IN ('failed', 'lost') AND finished_at > :since AND finished_at <= :until AND NOT is_dry
  AND (job = :job OR :job::text IS NULL AND job <> ALL (:watchers::text[]))
ORDER BY finished_at DESC LIMIT :row_limit;

-- name: read_dead_runs(job, row_limit)
-- Read the newest runs that ended in open dead letters.
SELECT job, dag_run_id FROM ops.dead_letters
WHERE state = 'open' AND dag_run_id IS NOT NULL AND (:job::text IS NULL OR job = :job)
GROUP BY job, dag_run_id ORDER BY max(last_seen_at) DESC LIMIT :row_limit;

-- name: read_waited_for(job, row_limit)
-- Read the jobs that most inbox rows wait for.
SELECT job, NULL AS dag_run_id FROM ops.inbox
WHERE state = 'waiting' AND job IS NOT NULL AND (:job::text IS NULL OR job = :job)
GROUP BY job ORDER BY count(*) DESC LIMIT :row_limit;

-- name: add_sample(at, job, since, success_count, failure_count, lost_count, running_jobs, queued_jobs, dlq_count, oldest_waiting_seconds, refused_count, missed_events, silent_minutes)*!
-- Keep what the rules were told.
INSERT INTO ops.alert_samples (at, job, since, success_count, failure_count, lost_count, running_jobs, queued_jobs,
  dlq_count, oldest_waiting_seconds, refused_count, missed_events, silent_minutes)
VALUES (:at, :job, :since, :success_count, :failure_count, :lost_count, :running_jobs, :queued_jobs, :dlq_count,
  :oldest_waiting_seconds, :refused_count, :missed_events, :silent_minutes)
ON CONFLICT (at, job) DO NOTHING;

-- name: read_samples(since, until)
-- Read what the rules were told in a time, oldest first.
SELECT at, job, since, success_count, failure_count, lost_count, running_jobs, queued_jobs, dlq_count,
  oldest_waiting_seconds, refused_count, missed_events, silent_minutes
FROM ops.alert_samples WHERE at > :since AND at <= :until ORDER BY at, job;
