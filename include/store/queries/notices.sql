-- name: read_damage(dag_run_id)^
-- Read what a run has left undone: members and rows, and the reasons, each once. A row may be in a later run's hands by
-- now, which tries it again: its letter knows that it failed in this one.
WITH failed_members AS (
  SELECT member_id, reason FROM ops.run_members WHERE dag_run_id = :dag_run_id AND outcome = 'failed'
), failed_rows AS (
  SELECT id, reason FROM ops.inbox WHERE dag_run_id = :dag_run_id AND state IN ('failed', 'dead')
  UNION
  SELECT inbox.id, attempt.reason
  FROM ops.dead_letter_attempts AS attempt
  JOIN ops.dead_letter_rows USING (dead_letter_id)
  JOIN ops.inbox ON inbox.id = dead_letter_rows.inbox_id
  WHERE attempt.dag_run_id = :dag_run_id AND inbox.state NOT IN ('processed', 'superseded', 'ignored')
), failed_ends AS (
  SELECT member_id, why AS reason FROM ops.deactivations WHERE taken_by = :dag_run_id AND state = 'failed'
)
SELECT
  (SELECT count(*) FROM (SELECT member_id FROM failed_members UNION SELECT member_id FROM failed_ends) AS m) AS members,
  (SELECT coalesce(array_agg(DISTINCT id ORDER BY id), '{}') FROM failed_rows) AS inbox_ids,
  (SELECT coalesce(array_agg(DISTINCT reason ORDER BY reason), '{}') FROM (
     SELECT reason FROM failed_members UNION SELECT reason FROM failed_rows UNION SELECT reason FROM failed_ends
   ) AS r WHERE reason IS NOT NULL) AS reasons;

-- name: add_run(job, dag_run_id, failed_at, key, inbox_ids)$
-- Count a failure of a run; one that is counted already changes nothing. A run that was cleared may fail anew.
INSERT INTO ops.notice_runs AS known (job, dag_run_id, failed_at, key, inbox_ids)
VALUES (:job, :dag_run_id, :failed_at, :key, :inbox_ids::bigint[])
ON CONFLICT (job, dag_run_id) DO UPDATE
  SET failed_at = excluded.failed_at, key = excluded.key, inbox_ids = excluded.inbox_ids
  WHERE known.failed_at < excluded.failed_at
RETURNING true;

-- name: lock_run(job, dag_run_id)
-- Let one process at a time note a failure of this run, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtext('ops.notices'), hashtext(:job || ' ' || :dag_run_id));

-- name: open_notice(key, job, facts, failed_at, quiet_since, now)!
-- Open a notice or count another failure. What recovered longer ago than `quiet_since` begins anew, in a new thread.
INSERT INTO ops.notices AS known (key, job, state, count, facts, opened_at, seen_at, next_try_at)
VALUES (:key, :job, 'open', 1, :facts, :failed_at, :failed_at, :now)
ON CONFLICT (key) DO UPDATE SET
  state = 'open',
  count = CASE WHEN known.state = 'recovered' AND known.posted_at <= :quiet_since THEN 1 ELSE known.count + 1 END,
  told = CASE WHEN known.state = 'recovered' AND known.posted_at <= :quiet_since THEN 0 ELSE known.told END,
  opened_at = CASE WHEN known.state = 'recovered' AND known.posted_at <= :quiet_since
                THEN excluded.opened_at ELSE known.opened_at END,
  thread_ts = CASE WHEN known.state = 'recovered' AND known.posted_at <= :quiet_since THEN NULL ELSE known.thread_ts END,
  posted_at = CASE WHEN known.state = 'recovered' AND known.posted_at <= :quiet_since THEN NULL ELSE known.posted_at END,
  facts = CASE WHEN known.seen_at <= excluded.seen_at THEN excluded.facts ELSE known.facts END,
  seen_at = greatest(known.seen_at, excluded.seen_at),
  recovered_at = NULL, recovery = NULL, recovery_told = true, given_up_at = NULL;

-- name: renew_notice(key, job, facts, count, now)!
-- Have so many more of something told in a message of its own, with what has not been told yet.
INSERT INTO ops.notices AS known (key, job, state, count, facts, opened_at, seen_at, next_try_at)
VALUES (:key, :job, 'open', :count, :facts, :now, :now, :now)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN known.posted_at IS NULL THEN known.count ELSE 0 END + excluded.count,
  told = 0, posted_at = NULL, thread_ts = NULL, problem = NULL, given_up_at = NULL, attempts = 0,
  facts = excluded.facts, opened_at = excluded.opened_at, seen_at = excluded.seen_at, next_try_at = excluded.next_try_at;

-- name: move_notice(key, new_key, facts)!
-- Let an open notice of no failed run go on under another key.
UPDATE ops.notices SET key = :new_key, facts = facts || :facts WHERE key = :key AND state = 'open';

-- name: take_due(now, quiet_since, leased_until, row_limit)
-- Take what is to be told now, oldest first; another process does not get it too, unless this one falls silent.
-- The same failure is told again only after a quiet time; its recovery at any time.
UPDATE ops.notices SET next_try_at = :leased_until, attempts = attempts + 1
WHERE key IN (
  SELECT key FROM ops.notices
  WHERE next_try_at <= :now
    AND (posted_at IS NULL OR NOT recovery_told OR state = 'open' AND told < count AND posted_at <= :quiet_since)
  ORDER BY next_try_at, key
  LIMIT :row_limit
  FOR UPDATE SKIP LOCKED
)
RETURNING *;

-- name: mark_told(key, told, thread_ts, now)!
-- Write down that a message about so many failures has been sent.
UPDATE ops.notices
SET told = :told, thread_ts = :thread_ts, posted_at = :now, attempts = 0, problem = NULL, given_up_at = NULL, next_try_at = :now
WHERE key = :key;

-- name: mark_recovery_told(key, recovered_at, now)!
-- Write down that the recovery has been told; another one since then is not.
UPDATE ops.notices SET recovery_told = true, attempts = 0, problem = NULL, given_up_at = NULL, next_try_at = :now
WHERE key = :key AND recovered_at = :recovered_at;

-- name: postpone(key, problem, next_try_at)!
-- Write down why it could not be sent, and when it is tried again.
UPDATE ops.notices SET problem = :problem, next_try_at = :next_try_at WHERE key = :key;

-- name: defer(keys, until)!
-- Let what was taken and not tried wait; that was no try.
UPDATE ops.notices SET next_try_at = :until, attempts = attempts - 1 WHERE key = ANY (:keys::text[]);

-- name: give_up(key, problem, now)!
-- Write down that a message is refused for what it says: it is not sent again, but another failure of its kind is told.
UPDATE ops.notices
SET problem = :problem, given_up_at = :now, told = count, posted_at = :now, recovery_told = true, attempts = 0
WHERE key = :key;

-- name: read_untold(given_up_since)
-- Read what could not be told so far, and what was given up since then, oldest first.
SELECT * FROM ops.notices
WHERE problem IS NOT NULL AND (given_up_at IS NULL OR given_up_at >= :given_up_since)
ORDER BY opened_at, key;

-- name: read_open()
-- Read the failures (questions to people and findings are none) that nothing has put right yet, each with the rows it left that still are not well.
SELECT notices.*,
  coalesce(bool_or(cardinality(notice_runs.inbox_ids) > 0), false) AS has_rows,
  (SELECT count(*) FROM ops.inbox
   WHERE inbox.id IN (SELECT unnest(r.inbox_ids) FROM ops.notice_runs AS r WHERE r.key = notices.key)
     AND inbox.state NOT IN ('processed', 'superseded', 'ignored')
     AND NOT EXISTS (
       SELECT FROM ops.dead_letter_rows JOIN ops.dead_letters AS letter ON letter.id = dead_letter_rows.dead_letter_id
       WHERE dead_letter_rows.inbox_id = inbox.id AND letter.state IN ('abandoned', 'compensated', 'resolved')
     )) AS open_rows
FROM ops.notices LEFT JOIN ops.notice_runs USING (key)
WHERE notices.state = 'open' AND notices.facts ->> 'kind' IS NULL
GROUP BY notices.key
ORDER BY notices.opened_at, notices.key;

-- name: recover(key, recovery, seen_at, now)!
-- Close a notice, unless it has happened again in the meantime; what was told of, or will be, is told to be over. What
-- was given up has no message that an end could answer: no thread.
UPDATE ops.notices
SET state = 'recovered', recovered_at = :now, recovery = :recovery, next_try_at = :now,
  recovery_told = given_up_at IS NOT NULL OR posted_at IS NOT NULL AND thread_ts IS NULL
WHERE key = :key AND state = 'open' AND seen_at = :seen_at;

-- name: find_unnoted(jobs, dag_run_ids, failed_ats)
-- Return which of these failures nobody has noted.
SELECT failure.job, failure.dag_run_id, failure.failed_at
FROM unnest(:jobs::text[], :dag_run_ids::text[], :failed_ats::timestamptz[]) AS failure (job, dag_run_id, failed_at)
WHERE NOT EXISTS (
  SELECT FROM ops.notice_runs AS known
  WHERE known.job = failure.job AND known.dag_run_id = failure.dag_run_id AND known.failed_at >= failure.failed_at
)
ORDER BY failure.failed_at, failure.dag_run_id;

-- name: read_notice(key)^
-- Read one notice.
SELECT * FROM ops.notices WHERE key = :key;

-- name: read_of_run(job, dag_run_id)^
-- Read the notice that a failed run is counted in.
SELECT notices.* FROM ops.notices JOIN ops.notice_runs USING (key)
WHERE notice_runs.job = :job AND notice_runs.dag_run_id = :dag_run_id;

-- name: read_waiting()
-- Read what is still to be told, oldest first.
SELECT * FROM ops.notices
WHERE posted_at IS NULL OR NOT recovery_told OR state = 'open' AND told < count
ORDER BY opened_at, key;
