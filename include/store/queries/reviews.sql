-- name: ask_review(dag_run_id, groups, now)!
-- Write down what people are asked.
INSERT INTO ops.reviews (dag_run_id, state, groups, asked_at) VALUES (:dag_run_id, 'asked', :groups, :now);

-- name: answer_review(dag_run_id, state, actor, why, decisions, now)!
-- Write down what was answered, or that nobody did.
UPDATE ops.reviews SET state = :state, actor = :actor, why = :why, decisions = :decisions, answered_at = :now
WHERE dag_run_id = :dag_run_id AND state IN ('asked', 'answered', 'unanswered');

-- name: refuse_review(dag_run_id, decisions, refusal, actor, now)!
-- Write down why an answer cannot be taken.
UPDATE ops.reviews
SET state = 'refused', refusal = :refusal, actor = :actor, decisions = :decisions, answered_at = :now
WHERE dag_run_id = :dag_run_id AND state IN ('asked', 'refused');

-- name: leave_review(dag_run_id, now)!
-- Write down that another run asks.
UPDATE ops.reviews SET state = 'left', finished_at = :now WHERE dag_run_id = :dag_run_id AND state = 'asked';

-- name: read_newest()^
-- Read the question that was put last.
SELECT * FROM ops.reviews ORDER BY asked_at DESC, dag_run_id DESC LIMIT 1;

-- name: save_result(dag_run_id, result)!
-- Write down what came of one group.
UPDATE ops.reviews SET results = results || :result WHERE dag_run_id = :dag_run_id;

-- name: finish_review(dag_run_id, now)!
-- Close a review whose decisions are carried out.
UPDATE ops.reviews SET state = 'done', finished_at = :now WHERE dag_run_id = :dag_run_id;

-- name: read_review(dag_run_id)^
-- Read one review.
SELECT * FROM ops.reviews WHERE dag_run_id = :dag_run_id;

-- name: read_answered(answered_since)
-- Read the reviews that were answered since then.
SELECT * FROM ops.reviews WHERE answered_at >= :answered_since AND state IN ('answered', 'done') ORDER BY answered_at;
