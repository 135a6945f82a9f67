-- name: lock_targets(targets)
-- Let nobody else count these targets' rows until the transaction ends; in one order.
SELECT pg_advisory_xact_lock(key)
FROM (
  SELECT DISTINCT hashtextextended('audit:' || target, 0) AS key
  FROM unnest(:targets::text[]) AS wanted (target)
  ORDER BY key
) AS ordered;

-- name: add_changes(now, target, actor, action, dag_run_id, inbox_ids, before, after, metadata)*!
-- Add a row with the target's next number; whoever adds one holds the target's lock.
INSERT INTO ops.audit_log (target, seq, at, actor, action, dag_run_id, inbox_ids, before, after, metadata)
VALUES (:target, (SELECT coalesce(max(seq), 0) + 1 FROM ops.audit_log WHERE target = :target),
        :now, :actor, :action, :dag_run_id, :inbox_ids, :before, :after, :metadata);
