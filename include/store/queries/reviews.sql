-- name: ask_review(dag_run_id, groups, now)!
-- Write down what people are asked; asked anew, what they had answered counts no more.
INSERT INTO ops.reviews (dag_run_id, state, groups, asked_at) VALUES (:dag_run_id, 'asked', :groups, :now)
ON CONFLICT (dag_run_id) DO UPDATE
  SET state = 'asked', groups = :groups, asked_at = :now, answered_at = NULL, actor = NULL, why = NULL,
      decisions = '{}', results = '{}', finished_at = NULL;

-- name: answer_review(dag_run_id, state, actor, why, decisions, now)!
-- Write down what was answered, or that nobody did.
UPDATE ops.reviews SET state = :state, actor = :actor, why = :why, decisions = :decisions, answered_at = :now
WHERE dag_run_id = :dag_run_id AND state IN ('asked', 'answered', 'unanswered');

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
