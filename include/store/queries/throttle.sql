-- name: count_taken(member_keys, since)
-- Count the rows of each of these members that runs took since then.
SELECT member_key, count(*) AS count
FROM ops.inbox
WHERE member_key = ANY (:member_keys::text[]) AND dispatched_at > :since
GROUP BY member_key;

-- name: spread(job, member_keys, keep, now, per_minute)!
-- Give the due rows of these members, but for the ones taken now, a later minute each `per_minute` of them.
UPDATE ops.inbox
SET due_at = :now + make_interval(mins => slot.minutes)
FROM (
  SELECT id, 1 + ((row_number() OVER (PARTITION BY member_key ORDER BY due_at, id) - 1) / :per_minute)::int AS minutes
  FROM ops.inbox
  WHERE state = 'waiting' AND job = :job AND due_at <= :now
    AND member_key = ANY (:member_keys::text[]) AND NOT id = ANY (:keep::bigint[])
) AS slot
WHERE inbox.id = slot.id;

-- name: lease_slots(resource, cap, wanted)
-- Take up to `wanted` free ones of `cap` slots until the transaction ends. No ORDER BY: it would take them all first.
SELECT slot FROM generate_series(1, :cap) AS slot
WHERE pg_try_advisory_xact_lock(hashtext(:resource), slot)
LIMIT :wanted;

-- name: await_slot(resource, slot)
-- Take this slot until the transaction ends; wait while another transaction has it.
SELECT pg_advisory_xact_lock(hashtext(:resource), :slot);
