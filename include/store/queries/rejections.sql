-- name: count_rejections(hour, providers, reasons, counts)!
-- Add to the counters of this hour; the reasons are a closed set, so a forger cannot make rows.
INSERT INTO ops.rejections (hour, provider, reason, count)
SELECT :hour, provider, reason, count
FROM unnest(:providers::text[], :reasons::text[], :counts::bigint[]) AS refused (provider, reason, count)
ON CONFLICT (hour, provider, reason) DO UPDATE SET count = rejections.count + EXCLUDED.count;

-- name: read_rejections(since)
-- Read the counters since then.
SELECT hour, provider, reason, count FROM ops.rejections WHERE hour >= :since ORDER BY hour, provider, reason;
