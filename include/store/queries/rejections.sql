-- name: count_rejections(hour, providers, reasons, counts)!
-- Add to the counters of this minute (the column's name is older); the reasons are a closed set, so a forger cannot make rows.
INSERT INTO ops.rejections (hour, provider, reason, count)
SELECT :hour, provider, reason, count
FROM unnest(:providers::text[], :reasons::text[], :counts::bigint[]) AS refused (provider, reason, count)
ON CONFLICT (hour, provider, reason) DO UPDATE SET count = rejections.count + EXCLUDED.count;

-- name: read_rejections(since, again)
-- Sum up the counters of refusals since then, and tell in which minute each began.
SELECT provider, reason, sum(count)::bigint AS count, min(hour) AS since
FROM ops.rejections WHERE hour >= :since AND reason <> :again GROUP BY provider, reason ORDER BY provider, reason;

-- name: read_rejection_hours(provider, since, until)
-- Sum up a vendor's counters by reason and full hour since 1970.
SELECT reason, floor(extract(epoch FROM rejections.hour) / 3600)::int AS full_hour, sum(count)::int AS count
FROM ops.rejections WHERE hour >= :since AND hour < :until AND provider = :provider GROUP BY 1, 2;
