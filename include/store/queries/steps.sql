-- name: plan_steps(effect, member_ids, dag_run_id, now)!
-- Plan an effect for each member that never had it planned.
INSERT INTO ops.steps (key, effect, member_id, state, dag_run_id, planned_at)
SELECT :effect || ':' || member_id, :effect, member_id, 'planned', :dag_run_id, :now
FROM unnest(:member_ids::uuid[]) AS wanted (member_id)
ON CONFLICT (key) DO NOTHING;

-- name: read_planned(effect, dag_run_id)
-- Read the planned steps of this run's members.
SELECT steps.key, steps.member_id
FROM ops.steps JOIN ops.run_members USING (member_id)
WHERE steps.effect = :effect AND steps.state = 'planned' AND run_members.dag_run_id = :dag_run_id
ORDER BY steps.planned_at, steps.key;

-- name: has_open(effect, dag_run_id)$
-- Tell whether this run's members have a step that is planned, or begun and not ended.
SELECT EXISTS (
  SELECT FROM ops.steps JOIN ops.run_members USING (member_id)
  WHERE steps.effect = :effect AND steps.state IN ('planned', 'intended') AND run_members.dag_run_id = :dag_run_id
);

-- name: intend_steps(keys, dag_run_id, now)
-- Take planned steps: only one run gets each.
UPDATE ops.steps
SET state = 'intended', dag_run_id = :dag_run_id, intended_at = :now, attempts = attempts + 1, reason = NULL
WHERE key = ANY (:keys::text[]) AND state = 'planned'
RETURNING key;

-- name: end_steps(key, state, reason, now)*!
-- Write down what came of a step; one that has become uncertain meanwhile stays so, for a person to look at.
UPDATE ops.steps
SET state = :state, reason = :reason, finished_at = CASE WHEN :state = 'planned' THEN NULL ELSE :now END
WHERE key = :key AND state IN ('planned', 'intended');

-- name: mark_uncertain(effect, dag_run_id, stale_since, now)
-- Make begun steps of this run's members uncertain that no living try works on.
UPDATE ops.steps
SET state = 'uncertain', reason = 'the task ended between the call and its answer', finished_at = :now
FROM ops.run_members
WHERE steps.effect = :effect AND steps.state = 'intended'
  AND run_members.dag_run_id = :dag_run_id AND run_members.member_id = steps.member_id
  AND (steps.dag_run_id = :dag_run_id OR steps.intended_at < :stale_since)
RETURNING steps.member_id;

-- name: move_members(from_ids, to_ids)!
-- Give the steps of merged members to the ones they were merged into; where both have one, one is enough.
UPDATE ops.steps SET key = steps.effect || ':' || merged.to_id, member_id = merged.to_id
FROM unnest(:from_ids::uuid[], :to_ids::uuid[]) AS merged (from_id, to_id)
WHERE steps.member_id = merged.from_id
  AND NOT EXISTS (SELECT FROM ops.steps AS other WHERE other.key = steps.effect || ':' || merged.to_id);

-- name: decide_steps(keys, state, reason, now)!
-- Write down what a person has decided about uncertain steps: to do them again, or that they are as good as done.
UPDATE ops.steps
SET state = :state, reason = :reason, finished_at = CASE WHEN :state = 'planned' THEN NULL ELSE :now::timestamptz END
WHERE key = ANY (:keys::text[]) AND state = 'uncertain';
