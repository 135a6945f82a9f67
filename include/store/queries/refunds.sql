-- name: read_refunds(subscription_ids)
-- Read the refunds of these subscriptions.
SELECT subscription_id, charge_id, paid_until, refunded_at, is_full FROM ops.refunds
WHERE subscription_id = ANY (:subscription_ids::text[])
ORDER BY paid_until, refunded_at;

-- name: save_refund(subscription_id, charge_id, paid_until, refunded_at, is_full)!
-- Write a refund down; when it was first told stays, unless a part has become all of it.
INSERT INTO ops.refunds (subscription_id, charge_id, paid_until, refunded_at, is_full)
VALUES (:subscription_id, :charge_id, :paid_until, :refunded_at, :is_full)
ON CONFLICT (subscription_id, charge_id) DO UPDATE
  SET paid_until = EXCLUDED.paid_until, is_full = EXCLUDED.is_full,
      refunded_at = CASE WHEN refunds.is_full = EXCLUDED.is_full THEN refunds.refunded_at
                         ELSE EXCLUDED.refunded_at END;

-- name: drop_refund(subscription_id, charge_id, paid_until)!
-- Forget a refund that was taken back; those of before charges were noted are known by their period.
DELETE FROM ops.refunds
WHERE subscription_id = :subscription_id
  AND (charge_id = :charge_id OR (charge_id = '' AND paid_until = :paid_until));
