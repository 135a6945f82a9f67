-- name: note_letter(job, subject, state, error_class, fingerprint, reason, severity, vendor, member_id, dag_run_id, now)^
-- Open a case, or let the one that there is fail again; what a person is to decide, or has decided, stays so.
INSERT INTO ops.dead_letters AS letter
  (job, subject, state, error_class, fingerprint, reason, severity, vendor, member_id, dag_run_id,
   first_seen_at, last_seen_at, since)
VALUES (:job, :subject, :state, :error_class, :fingerprint, :reason, :severity, :vendor, :member_id, :dag_run_id,
        :now, :now, :now)
ON CONFLICT (job, subject) DO UPDATE
  SET state = CASE WHEN EXCLUDED.state = 'retrying' AND letter.state IN ('open', 'replaying', 'compensating')
                   THEN letter.state ELSE EXCLUDED.state END,
      since = CASE WHEN letter.closed_at IS NULL THEN letter.since ELSE EXCLUDED.since END,
      error_class = EXCLUDED.error_class, fingerprint = EXCLUDED.fingerprint, reason = EXCLUDED.reason,
      severity = EXCLUDED.severity, vendor = EXCLUDED.vendor, last_seen_at = EXCLUDED.last_seen_at, closed_at = NULL,
      member_id = coalesce(EXCLUDED.member_id, letter.member_id),
      dag_run_id = coalesce(EXCLUDED.dag_run_id, letter.dag_run_id)
RETURNING id;

-- name: add_rows(id, inbox_ids)!
-- Let these events wait with a letter.
INSERT INTO ops.dead_letter_rows (dead_letter_id, inbox_id)
SELECT :id, inbox_id FROM unnest(:inbox_ids::bigint[]) AS wanted (inbox_id)
ON CONFLICT DO NOTHING;

-- name: add_attempt(id, job, dag_run_id, try_number, due_at, started_at, error_class, reason, now)!
-- Write down a try that failed, once; without a number it is the next one of its run.
INSERT INTO ops.dead_letter_attempts
  (dead_letter_id, job, dag_run_id, try_number, due_at, started_at, ended_at, error_class, reason)
SELECT :id::bigint, :job::text, :dag_run_id::text,
       coalesce(:try_number::integer,
                (SELECT coalesce(max(try_number), 0) + 1 FROM ops.dead_letter_attempts
                 WHERE dead_letter_id = :id AND job = :job AND dag_run_id = :dag_run_id)),
       :due_at::timestamptz, :started_at::timestamptz, :now::timestamptz, :error_class::text, :reason::text
ON CONFLICT (dead_letter_id, job, dag_run_id, try_number) DO NOTHING;

-- name: read_letter(id)^
-- Read one letter.
SELECT * FROM ops.dead_letter_list WHERE id = :id;

-- name: read_subject(job, subject)^
-- Read the letter of a case, if there is one.
SELECT * FROM ops.dead_letter_list WHERE job = :job AND subject = :subject;

-- name: select_letters(ids, states, job, error_class, fingerprint, member_id, dag_run_id, since, until, row_limit)
-- Read the letters that a filter lets through, oldest first.
SELECT * FROM ops.dead_letter_list
WHERE (:ids::bigint[] IS NULL OR id = ANY (:ids::bigint[])) AND state = ANY (:states::text[])
  AND (:job::text IS NULL OR job = :job) AND (:error_class::text IS NULL OR error_class = :error_class)
  AND (:fingerprint::text IS NULL OR fingerprint = :fingerprint)
  AND (:member_id::uuid IS NULL OR member_id = :member_id)
  AND (:dag_run_id::text IS NULL OR EXISTS (
    SELECT FROM ops.dead_letter_attempts AS attempt
    WHERE attempt.dead_letter_id = dead_letter_list.id AND attempt.dag_run_id = :dag_run_id
  ))
  AND (:since::timestamptz IS NULL OR last_seen_at >= :since)
  AND (:until::timestamptz IS NULL OR last_seen_at < :until)
ORDER BY first_seen_at, id
LIMIT :row_limit;

-- name: group_letters(ids, states, job, error_class, fingerprint, member_id, dag_run_id, since, until)
-- Count alike letters that a filter lets through, most first, with the newest one's reason and the oldest as example.
SELECT job, error_class, fingerprint, count(*) AS count, count(*) FILTER (WHERE is_fixed) AS fixed,
       (array_agg(reason ORDER BY last_seen_at DESC, id))[1] AS reason,
       (array_agg(id ORDER BY first_seen_at, id))[1] AS example_id,
       (array_agg(severity ORDER BY last_seen_at DESC, id))[1] AS severity,
       min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
FROM ops.dead_letter_list
WHERE (:ids::bigint[] IS NULL OR id = ANY (:ids::bigint[])) AND state = ANY (:states::text[])
  AND (:job::text IS NULL OR job = :job) AND (:error_class::text IS NULL OR error_class = :error_class)
  AND (:fingerprint::text IS NULL OR fingerprint = :fingerprint)
  AND (:member_id::uuid IS NULL OR member_id = :member_id)
  AND (:dag_run_id::text IS NULL OR EXISTS (
    SELECT FROM ops.dead_letter_attempts AS attempt
    WHERE attempt.dead_letter_id = dead_letter_list.id AND attempt.dag_run_id = :dag_run_id
  ))
  AND (:since::timestamptz IS NULL OR last_seen_at >= :since)
  AND (:until::timestamptz IS NULL OR last_seen_at < :until)
GROUP BY job, error_class, fingerprint
ORDER BY count(*) DESC, job, error_class, fingerprint;

-- name: count_states()
-- Count the letters in each state.
SELECT state, count(*) AS count FROM ops.dead_letters GROUP BY state;

-- name: read_attempts(id)
-- Read the failed tries of a letter, oldest first.
SELECT job, dag_run_id, try_number, due_at, started_at, ended_at, error_class, reason
FROM ops.dead_letter_attempts WHERE dead_letter_id = :id ORDER BY ended_at, id;

-- name: read_last_rows(ids, count)
-- Read the newest events of each of these letters, the oldest of them first.
SELECT dead_letter_id, inbox_id FROM (
  SELECT dead_letter_id, inbox_id, row_number() OVER (PARTITION BY dead_letter_id ORDER BY inbox_id DESC) AS place
  FROM ops.dead_letter_rows WHERE dead_letter_id = ANY (:ids::bigint[])
) AS numbered
WHERE place <= :count ORDER BY inbox_id;

-- name: read_inbox_ids(id)
-- Read which events wait with a letter.
SELECT inbox_id FROM ops.dead_letter_rows WHERE dead_letter_id = :id ORDER BY inbox_id;

-- name: count_slow_tries(id, since)$
-- Count how often a letter has failed since then on a limit that lasts for hours.
SELECT count(*) FROM ops.dead_letter_attempts
WHERE dead_letter_id = :id AND error_class = 'slow_transient' AND ended_at >= :since;

-- name: hurry_rows(vendor, now)!
-- Let events that wait because a vendor was down be due now.
UPDATE ops.inbox SET due_at = :now
FROM ops.dead_letter_rows JOIN ops.dead_letters AS letter ON letter.id = dead_letter_rows.dead_letter_id
WHERE letter.vendor = :vendor AND letter.closed_at IS NULL AND dead_letter_rows.inbox_id = inbox.id
  AND (inbox.state = 'waiting' OR inbox.state = 'failed' AND letter.state = 'compensating')
  AND inbox.due_at > :now AND inbox.error_class = 'transient';

-- name: read_of_rows(inbox_ids)
-- Read the letters with which these events wait or waited.
SELECT * FROM ops.dead_letter_list
WHERE id IN (SELECT dead_letter_id FROM ops.dead_letter_rows WHERE inbox_id = ANY (:inbox_ids::bigint[]))
ORDER BY id;

-- name: change_letters(ids, before, state, act_id, actor, why, now)
-- Bring letters from one of some states to another, and say from which; what is elsewhere by now is left alone.
WITH old AS (
  SELECT id, state FROM ops.dead_letters
  WHERE id = ANY (:ids::bigint[]) AND state = ANY (:before::text[]) AND (:act_id::bigint IS NULL OR act_id IS DISTINCT FROM :act_id)
  ORDER BY id
  FOR UPDATE
)
UPDATE ops.dead_letters AS letter
SET state = :state, act_id = coalesce(:act_id::bigint, letter.act_id), actor = :actor, why = :why,
    closed_at = CASE WHEN :state IN ('retrying', 'open', 'replaying', 'compensating') THEN NULL ELSE :now::timestamptz END
FROM old WHERE letter.id = old.id
RETURNING letter.id, letter.job, letter.subject, letter.member_id, letter.dag_run_id, old.state AS state_before;

-- name: settle_letters(inbox_ids, now)
-- Close the letters of these events of which nothing waits any more.
WITH old AS (
  SELECT id, state FROM ops.dead_letters AS letter
  WHERE state IN ('retrying', 'open', 'replaying')
    AND id IN (SELECT dead_letter_id FROM ops.dead_letter_rows WHERE inbox_id = ANY (:inbox_ids::bigint[]))
    AND NOT EXISTS (
      SELECT FROM ops.dead_letter_rows JOIN ops.inbox ON inbox.id = dead_letter_rows.inbox_id
      WHERE dead_letter_rows.dead_letter_id = letter.id
        AND inbox.state NOT IN ('processed', 'superseded', 'ignored')
    )
    AND NOT EXISTS (
      SELECT FROM ops.steps
      WHERE 'step:' || steps.key = letter.subject AND steps.state NOT IN ('done', 'refused')
    )
  ORDER BY id
  FOR UPDATE
)
UPDATE ops.dead_letters AS letter
SET state = CASE old.state WHEN 'replaying' THEN 'replayed' ELSE 'resolved' END, closed_at = :now
FROM old WHERE letter.id = old.id
RETURNING letter.id, letter.job, letter.subject, letter.member_id, letter.dag_run_id,
          old.state AS state_before, letter.state;

-- name: wait_rows(id, due_at, also_done)*!
-- Let a letter's events wait for their job again; those that went well stay as they are, unless they are wanted too.
UPDATE ops.inbox SET state = 'waiting', due_at = :due_at, reason = NULL, error_class = NULL, finished_at = NULL
FROM ops.dead_letter_rows
WHERE dead_letter_id = :id AND inbox_id = inbox.id
  AND (inbox.state IN ('dead', 'failed') OR (:also_done AND inbox.state = 'processed'));

-- name: kill_rows(ids, reason, now)!
-- Let the events of letters wait for a person that wait for a run.
UPDATE ops.inbox SET state = 'dead', due_at = NULL, reason = :reason, finished_at = :now
FROM ops.dead_letter_rows
WHERE dead_letter_id = ANY (:ids::bigint[]) AND inbox_id = inbox.id AND inbox.state IN ('waiting', 'failed');

-- name: ask_for_run(id, due_at)*!
-- Have the events of a letter taken to a run of `webhook_retry`, though they wait for a person.
UPDATE ops.inbox SET due_at = :due_at
FROM ops.dead_letter_rows
WHERE dead_letter_id = :id AND inbox_id = inbox.id AND inbox.state = 'dead';

-- name: end_rows(ids, state, reason, now)!
-- End the events of letters that wait for a person.
UPDATE ops.inbox SET state = :state, due_at = NULL, reason = :reason, finished_at = :now
FROM ops.dead_letter_rows
WHERE dead_letter_id = ANY (:ids::bigint[]) AND inbox_id = inbox.id AND inbox.state IN ('dead', 'failed');

-- name: read_with_rows(ids)
-- Read which of these letters have events that a job is for.
SELECT DISTINCT dead_letter_id AS id FROM ops.dead_letter_rows JOIN ops.inbox ON inbox.id = inbox_id
WHERE dead_letter_id = ANY (:ids::bigint[]) AND inbox.job IS NOT NULL
ORDER BY id;

-- name: read_unstarted(ids)
-- Read which of these letters no run works on; effects that are decided to be done again are not among them.
SELECT id FROM ops.dead_letters
WHERE id = ANY (:ids::bigint[]) AND NOT starts_with(subject, 'step:') AND NOT EXISTS (
  SELECT FROM ops.dead_letter_rows JOIN ops.inbox ON inbox.id = inbox_id
  WHERE dead_letter_id = dead_letters.id AND inbox.state = 'dispatched'
)
ORDER BY id;

-- name: begin_act(act, actor, why, per_minute, ids, now)^
-- Write down what a person has decided.
INSERT INTO ops.dead_letter_acts (act, actor, why, per_minute, dead_letter_ids, made_at)
VALUES (:act, :actor, :why, :per_minute, :ids, :now)
RETURNING *;

-- name: lock_act(id)^
-- Take hold of an act; of two that carry it out one works at a time.
SELECT * FROM ops.dead_letter_acts WHERE id = :id FOR UPDATE;

-- name: advance_act(id, position, done, now)!
-- Write down how far an act has come.
UPDATE ops.dead_letter_acts
SET position = :position, done = done + :done,
    finished_at = CASE WHEN :position >= cardinality(dead_letter_ids) THEN :now::timestamptz END
WHERE id = :id;

-- name: read_act(id)^
-- Read an act.
SELECT * FROM ops.dead_letter_acts WHERE id = :id;

-- name: read_act_letters(id)
-- Read the letters that an act has changed and no other one since, by the state in which they are now.
SELECT letter.state, array_agg(letter.id ORDER BY letter.id) AS ids
FROM ops.dead_letter_acts AS act CROSS JOIN unnest(act.dead_letter_ids) AS chosen (id)
JOIN ops.dead_letters AS letter ON letter.id = chosen.id AND letter.act_id = act.id
WHERE act.id = :id GROUP BY letter.state;

-- name: read_unfinished()
-- Read the acts that have not come to their end, oldest first.
SELECT * FROM ops.dead_letter_acts WHERE finished_at IS NULL ORDER BY id;

-- name: move_members(from_ids, to_ids)!
-- Give the letters of merged members to the ones they were merged into; where both have one of a kind, both are hers.
UPDATE ops.dead_letters AS letter
SET member_id = merged.to_id,
    subject = CASE WHEN EXISTS (
                SELECT FROM ops.dead_letters AS other
                WHERE other.job = letter.job
                  AND other.subject = replace(letter.subject, merged.from_id::text, merged.to_id::text)
              ) THEN letter.subject ELSE replace(letter.subject, merged.from_id::text, merged.to_id::text) END
FROM unnest(:from_ids::uuid[], :to_ids::uuid[]) AS merged (from_id, to_id)
WHERE letter.member_id = merged.from_id;

-- name: take_unannounced(now)
-- Take the letters that have begun to wait for a person without anybody having been told, and tell them from now on as
-- told. What the message about its failed run says, or is about to, is told; what a person has opened again she knows.
WITH fresh AS (
  SELECT letter.id FROM ops.dead_letters AS letter
  LEFT JOIN ops.dead_letter_acts AS act ON act.id = letter.act_id AND act.act NOT IN ('undo_abandon', 'hold')
  WHERE letter.state = 'open'
    AND (letter.announced_at IS NULL OR letter.announced_at < greatest(letter.since, act.made_at))
    AND NOT EXISTS (
      SELECT FROM ops.notice_runs JOIN ops.notices USING (key)
      WHERE notice_runs.dag_run_id = letter.dag_run_id
        AND (notices.posted_at IS NULL OR notices.posted_at >= letter.last_seen_at)
    )
  ORDER BY letter.id
  FOR UPDATE OF letter SKIP LOCKED
)
UPDATE ops.dead_letters AS letter SET announced_at = :now FROM fresh
WHERE letter.id = fresh.id
RETURNING letter.id, letter.job, letter.error_class, letter.fingerprint, letter.reason, letter.dag_run_id;
