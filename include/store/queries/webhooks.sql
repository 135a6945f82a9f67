-- name: read_unrouted(since, reason, row_limit)
-- Count by provider and type the webhooks since then that no job takes, the most frequent first.
SELECT provider, type, count(*) AS count FROM ops.inbox
WHERE received_at >= :since AND state = 'ignored' AND reason = :reason
GROUP BY provider, type
ORDER BY count DESC, provider, type
LIMIT :row_limit;
