-- name: raise_alarm(name, words, now)!
-- A relay sees that something is wrong; what had ended begins anew.
INSERT INTO ops.relay_alarms (name, since, wrong_at, words) VALUES (:name, :now, :now, :words)
ON CONFLICT (name) DO UPDATE
SET wrong_at = :now,
    words = :words,
    since = CASE WHEN relay_alarms.ended_at IS NULL THEN relay_alarms.since ELSE :now END,
    told = CASE WHEN relay_alarms.ended_at IS NULL THEN relay_alarms.told ELSE 'nothing' END,
    told_urls = CASE WHEN relay_alarms.ended_at IS NULL THEN relay_alarms.told_urls ELSE '{}' END,
    ended_at = NULL;

-- name: end_alarm(name, now, wrong_before)!
-- A relay sees that all is well, and no other has seen anything else since then. What nobody was told of ends silently.
UPDATE ops.relay_alarms
SET ended_at = :now, told_urls = '{}',
    told = CASE WHEN told = 'firing' OR cardinality(told_urls) > 0 THEN 'firing' ELSE 'resolved' END
WHERE name = :name AND ended_at IS NULL AND wrong_at <= :wrong_before;

-- name: lock_untold()
-- Take hold of the alarms whose beginning or end nobody has been told of; another relay passes them over.
SELECT name, since, ended_at, words, told_urls FROM ops.relay_alarms
WHERE told = 'nothing' OR (told = 'firing' AND ended_at IS NOT NULL)
ORDER BY name
FOR UPDATE SKIP LOCKED;

-- name: set_told(name, told_urls, is_all, now)!
-- Write down who was told how it is, and whether these are all.
UPDATE ops.relay_alarms
SET told_urls = :told_urls, told_at = :now,
    told = CASE WHEN NOT :is_all THEN told WHEN ended_at IS NULL THEN 'firing' ELSE 'resolved' END
WHERE name = :name;

-- name: read_firing()
-- Read the alarms that go on.
SELECT name, since, ended_at, words, told_urls FROM ops.relay_alarms WHERE ended_at IS NULL ORDER BY name;
