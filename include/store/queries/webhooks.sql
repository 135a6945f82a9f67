-- name: read_unrouted(since, reason, row_limit)
-- Count by provider and type the webhooks since then that no job takes, the most frequent first.
SELECT provider, type, count(*) AS count FROM ops.inbox
WHERE received_at >= :since AND state = 'ignored' AND reason = :reason
GROUP BY provider, type
ORDER BY count DESC, provider, type
LIMIT :row_limit;

-- name: read_check(provider)^
-- Read until when a vendor's changes were compared.
SELECT provider, cursor_at, checked_at FROM ops.webhook_checks WHERE provider = :provider;

-- name: save_check(provider, cursor_at, checked_at)!
-- Write it down; the cursor never goes back.
INSERT INTO ops.webhook_checks (provider, cursor_at, checked_at) VALUES (:provider, :cursor_at, :checked_at)
ON CONFLICT (provider) DO UPDATE
SET cursor_at = greatest(webhook_checks.cursor_at, EXCLUDED.cursor_at), checked_at = EXCLUDED.checked_at;

-- name: read_delivered(provider, since)
-- Count by mode what was delivered since then, and tell when the last of it came; not what was filled in, or is a probe.
SELECT mode, count(*) AS count, max(received_at) AS last_at FROM ops.inbox
WHERE received_at >= :since AND provider = :provider AND NOT headers ? 'filled-by' AND type <> 'ops.probe'
GROUP BY mode;

-- name: has_delivered(provider)$
-- Tell whether anything was ever delivered.
SELECT EXISTS (SELECT FROM ops.inbox WHERE provider = :provider AND NOT headers ? 'filled-by' AND type <> 'ops.probe');

-- name: read_thin(types, member_keys, created_ats, since)
-- Tell which changes came as thin events: of the same type, about the same object, at the same moment.
SELECT wanted.number
FROM unnest(:types::text[], :member_keys::text[], :created_ats::timestamptz[])
  WITH ORDINALITY AS wanted (type, member_key, created_at, number)
WHERE EXISTS (
  SELECT FROM ops.inbox
  WHERE received_at >= :since AND provider = 'stripe' AND inbox.type = wanted.type
    AND inbox.member_key = wanted.member_key
    AND inbox.created_at BETWEEN wanted.created_at - interval '2 s' AND wanted.created_at + interval '2 s'
);

-- name: read_last_told(provider, member_keys, since)
-- Read of which state each of these was told last, since then.
SELECT member_key, max(coalesce(created_at, received_at)) AS last_at FROM ops.inbox
WHERE received_at >= :since AND provider = :provider AND member_key = ANY (:member_keys::text[])
GROUP BY member_key;

-- name: read_hours(provider, mode, since, until)
-- Count by full hour since 1970 what was delivered and starts a job, by type (a thin event is as its snapshot); where type
-- is NULL, all. Acts are the minutes in which something came; late is what came more than five minutes after it had happened.
SELECT type, hour, count(DISTINCT minute)::int AS acts, count(*)::int AS count, count(*) FILTER (WHERE is_late)::int AS late
FROM (
  SELECT regexp_replace(type, '^v1\.', '') AS type, floor(extract(epoch FROM received_at) / 3600)::int AS hour,
         date_trunc('minute', received_at) AS minute, received_at > created_at + interval '5 min' AS is_late
  FROM ops.inbox
  WHERE received_at >= :since AND received_at < :until AND provider = :provider AND job IS NOT NULL
    AND (:mode::text IS NULL OR mode = :mode) AND NOT headers ? 'filled-by'
) AS delivered
GROUP BY GROUPING SETS ((hour, type), (hour));

-- name: read_silences()
-- Read what keeps webhooks from coming now, the oldest first.
SELECT provider, cause, since, seen_at, missing, words, to_do FROM ops.silences
WHERE ended_at IS NULL ORDER BY since, provider, cause;

-- name: explained_until(provider, but, now)$
-- Tell until when a cause other than these was known: now, where it goes on.
SELECT max(coalesce(ended_at, :now)) FROM ops.silences WHERE provider = :provider AND cause <> ALL (:but::text[]);

-- name: keep_silence(provider, cause, since, missing, words, to_do, now)!
-- Write down a cause: one that goes on keeps its beginning, and what is missing adds up.
INSERT INTO ops.silences (provider, cause, since, seen_at, missing, words, to_do)
VALUES (:provider, :cause, :since, :now, :missing, :words, :to_do)
ON CONFLICT (provider, cause) DO UPDATE SET
  since = CASE WHEN silences.ended_at IS NULL THEN least(silences.since, EXCLUDED.since) ELSE EXCLUDED.since END,
  missing = EXCLUDED.missing + CASE WHEN silences.ended_at IS NULL THEN silences.missing ELSE 0 END,
  seen_at = EXCLUDED.seen_at, words = EXCLUDED.words, to_do = EXCLUDED.to_do, ended_at = NULL;

-- name: end_silences(provider, causes, now)!
-- End causes that are no more.
UPDATE ops.silences SET ended_at = :now
WHERE provider = :provider AND cause = ANY (:causes::text[]) AND ended_at IS NULL;
