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

-- name: read_silences()
-- Read what keeps webhooks from coming now, the oldest first.
SELECT provider, cause, since, seen_at, missing, words, to_do FROM ops.silences
WHERE ended_at IS NULL ORDER BY since, provider, cause;

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
