-- name: read_refunds(subscription_ids)
-- Read the refunds of these subscriptions.
SELECT subscription_id, paid_until, refunded_at FROM ops.refunds
WHERE subscription_id = ANY (:subscription_ids::text[]);

-- name: save_refund(subscription_id, paid_until, refunded_at)!
-- Write a refund down; the one of the latest period counts, as it was first told.
INSERT INTO ops.refunds (subscription_id, paid_until, refunded_at)
VALUES (:subscription_id, :paid_until, :refunded_at)
ON CONFLICT (subscription_id) DO UPDATE
  SET paid_until = EXCLUDED.paid_until, refunded_at = EXCLUDED.refunded_at
  WHERE refunds.paid_until < EXCLUDED.paid_until;
