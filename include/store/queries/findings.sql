-- name: open_finding(kind, subject, words, cause, member_id, now)^
-- Keep a finding and return it, if it is news: it was not known, was over, or has a cause that was not known.
INSERT INTO ops.findings AS known (kind, subject, words, causes, member_id, opened_at, seen_at)
VALUES (:kind, :subject, :words, ARRAY[:cause::text], :member_id::uuid, :now, :now)
ON CONFLICT (kind, subject) DO UPDATE
  SET state = 'open', words = EXCLUDED.words, member_id = EXCLUDED.member_id, seen_at = EXCLUDED.seen_at,
      causes = CASE WHEN :cause = ANY (known.causes) THEN known.causes ELSE known.causes || :cause::text END,
      times = known.times + 1,
      opened_at = CASE WHEN known.state = 'open' THEN known.opened_at ELSE EXCLUDED.opened_at END,
      ended_at = NULL, closed_by = NULL, why = NULL
  WHERE known.state = 'over' OR NOT :cause = ANY (known.causes)
RETURNING *;

-- name: see_finding(kind, subject, words, now)!
-- Note that a finding that is known still is so.
UPDATE ops.findings SET words = :words, seen_at = :now WHERE kind = :kind AND subject = :subject;

-- name: end_findings(kinds, subjects, now)
-- End findings that are not so any more, and return those that nobody had closed.
WITH checked AS (
  SELECT findings.id, findings.state AS state_before
  FROM ops.findings
  JOIN unnest(:kinds::text[], :subjects::text[]) AS wanted (kind, subject) USING (kind, subject)
  WHERE findings.state <> 'over'
  ORDER BY findings.id
  FOR UPDATE OF findings
)
UPDATE ops.findings SET state = 'over', ended_at = :now
FROM checked
WHERE findings.id = checked.id
RETURNING findings.*, checked.state_before;

-- name: close_finding(id, closed_by, why, now)^
-- Close an open finding in a person's name.
UPDATE ops.findings SET state = 'closed', closed_by = :closed_by, why = :why, ended_at = :now
WHERE id = :id AND state = 'open'
RETURNING *;

-- name: read_finding(id)^
-- Read one finding.
SELECT * FROM ops.findings WHERE id = :id;

-- name: read_findings(states)
-- Read the findings in these states, the newest first.
SELECT * FROM ops.findings WHERE state = ANY (:states::text[]) ORDER BY opened_at DESC, id DESC;

-- name: count_open_findings()
-- Count the open findings of each kind.
SELECT kind, count(*) AS count FROM ops.findings WHERE state = 'open' GROUP BY kind ORDER BY kind;

-- name: move_members(from_ids, to_ids)!
-- Give the findings of merged members to the ones they were merged into; where both have one, one is enough.
WITH merged AS (
  SELECT * FROM unnest(:from_ids::uuid[], :to_ids::uuid[]) AS merged (from_id, to_id)
), renamed AS (
  UPDATE ops.findings SET member_id = merged.to_id, subject = 'member:' || merged.to_id
  FROM merged
  WHERE findings.subject = 'member:' || merged.from_id
    AND NOT EXISTS (
      SELECT FROM ops.findings AS other
      WHERE other.kind = findings.kind AND other.subject = 'member:' || merged.to_id
    )
  RETURNING findings.id
)
UPDATE ops.findings
SET member_id = merged.to_id,
    state = CASE WHEN findings.subject = 'member:' || merged.from_id THEN 'over' ELSE findings.state END
FROM merged
WHERE findings.member_id = merged.from_id AND findings.id NOT IN (SELECT id FROM renamed);
