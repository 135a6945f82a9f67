-- name: open_members(dag_run_id, member_id, before)*!
-- Put a member into a run. Opened again, it keeps the state before, unless the audit log has moved on since.
-- What a lost run has done to her and nobody has recorded is this run's to tell: it begins where that one began.
INSERT INTO ops.run_members (dag_run_id, member_id, before)
SELECT :dag_run_id::text, :member_id::uuid, CASE WHEN lost.dag_run_id IS NULL THEN :before::jsonb ELSE lost.before END
FROM (SELECT) AS one LEFT JOIN LATERAL (
  SELECT earlier.dag_run_id, earlier.before
  FROM ops.run_members AS earlier JOIN ops.dispatches USING (dag_run_id)
  WHERE earlier.member_id = :member_id AND earlier.recorded_at IS NULL AND dispatches.state = 'lost'
    AND earlier.dag_run_id <> :dag_run_id
    AND NOT EXISTS (
      SELECT FROM ops.run_members AS later
      WHERE later.member_id = :member_id AND later.recorded_at > dispatches.finished_at
    )
  ORDER BY dispatches.claimed_at LIMIT 1
) AS lost ON true
ON CONFLICT (dag_run_id, member_id) DO UPDATE
  SET outcome = NULL, reason = NULL, recorded_at = NULL,
      before = CASE WHEN run_members.recorded_at IS NULL THEN run_members.before ELSE EXCLUDED.before END;

-- name: reopen_failed(dag_run_id)!
-- Let failed members be tried again; what the audit log has of them is the new state before.
UPDATE ops.run_members
SET outcome = NULL, reason = NULL, recorded_at = NULL,
    before = CASE WHEN recorded_at IS NULL THEN before ELSE after END
WHERE dag_run_id = :dag_run_id AND outcome = 'failed';

-- name: read_pending(dag_run_id)
-- Read the members without an outcome.
SELECT member_id FROM ops.run_members WHERE dag_run_id = :dag_run_id AND outcome IS NULL ORDER BY member_id;

-- name: settle_members(dag_run_id, member_id, outcome, reason, error_class, after)*!
-- Write down what came of a member.
UPDATE ops.run_members SET outcome = :outcome, reason = :reason, error_class = :error_class, after = :after
WHERE dag_run_id = :dag_run_id AND member_id = :member_id;

-- name: fail_members(dag_run_id, member_id, reason, error_class)*!
-- Let a settled member fail after all; how she was left stays as it was written down.
UPDATE ops.run_members SET outcome = 'failed', reason = :reason, error_class = :error_class
WHERE dag_run_id = :dag_run_id AND member_id = :member_id;

-- name: mend_members(dag_run_id, member_ids)!
-- Let members succeed that had failed in an earlier try.
UPDATE ops.run_members SET outcome = 'update', reason = NULL, error_class = NULL, recorded_at = NULL
WHERE dag_run_id = :dag_run_id AND member_id = ANY (:member_ids::uuid[]) AND outcome = 'failed';

-- name: read_unrecorded(dag_run_id)
-- Read the outcomes that the audit log does not have yet, with the rows that caused them.
SELECT member_id, outcome, run_members.reason, before, after,
       ARRAY(SELECT inbox.id FROM ops.inbox
             WHERE inbox.dag_run_id = :dag_run_id AND inbox.member_id = run_members.member_id
             ORDER BY inbox.id) AS inbox_ids
FROM ops.run_members
WHERE dag_run_id = :dag_run_id AND outcome IS NOT NULL AND recorded_at IS NULL
ORDER BY member_id;

-- name: end_members_rows(dag_run_id, now)
-- End the rows of members whose outcome is new; failed and dead ones that a later try of this run has mended too.
UPDATE ops.inbox
SET state = CASE run_members.outcome WHEN 'failed' THEN 'failed' ELSE 'processed' END,
    reason = run_members.reason, error_class = run_members.error_class, finished_at = :now, due_at = NULL
FROM ops.run_members
WHERE run_members.dag_run_id = :dag_run_id AND run_members.outcome IS NOT NULL AND run_members.recorded_at IS NULL
  AND inbox.dag_run_id = :dag_run_id AND inbox.member_id = run_members.member_id
  AND inbox.state IN ('dispatched', 'failed', 'dead')
RETURNING inbox.id, inbox.job, inbox.member_id, inbox.state, inbox.reason, inbox.error_class;

-- name: mark_recorded(dag_run_id, untold, now)!
-- Mark the outcomes as recorded, but for members whose change the audit log does not have yet.
UPDATE ops.run_members SET recorded_at = :now
WHERE dag_run_id = :dag_run_id AND outcome IS NOT NULL AND recorded_at IS NULL
  AND member_id <> ALL (:untold::uuid[]);

-- name: read_failures(dag_run_id)
-- Read the failed members with their reasons.
SELECT member_id, reason FROM ops.run_members WHERE dag_run_id = :dag_run_id AND outcome = 'failed' ORDER BY member_id;
