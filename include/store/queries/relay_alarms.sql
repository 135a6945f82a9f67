-- name: raise_alarm(name, words, now)!
-- A relay sees that something is wrong; what had ended begins anew.
INSERT INTO ops.relay_alarms (name, since, wrong_at, words) VALUES (:name, :now, :now, :words)
ON CONFLICT (name) DO UPDATE
SET wrong_at = :now,
    words = :words,
    since = CASE WHEN relay_alarms.ended_at IS NULL THEN relay_alarms.since ELSE :now END,
    told = CASE WHEN relay_alarms.ended_at IS NULL THEN relay_alarms.told ELSE 'nothing' END,
    ended_at = NULL;

-- name: end_alarm(name, now, wrong_before)!
-- A relay sees that all is well, and no other has seen anything else since then. What nobody was told of ends silently.
UPDATE ops.relay_alarms
SET ended_at = :now, told = CASE told WHEN 'firing' THEN told ELSE 'resolved' END
WHERE name = :name AND ended_at IS NULL AND wrong_at <= :wrong_before;

-- name: lock_untold()
-- Take hold of the alarms whose beginning or end nobody has been told of; another relay passes them over.
SELECT name, since, ended_at, words FROM ops.relay_alarms
WHERE told = 'nothing' OR (told = 'firing' AND ended_at IS NOT NULL)
ORDER BY name
FOR UPDATE SKIP LOCKED;

-- name: set_told(name, now)!
-- Write down that it was told how it is.
UPDATE ops.relay_alarms
SET told = CASE WHEN ended_at IS NULL THEN 'firing' ELSE 'resolved' END, told_at = :now
WHERE name = :name;

-- name: read_firing()
-- Read the alarms that go on.
SELECT name, since, ended_at, words FROM ops.relay_alarms WHERE ended_at IS NULL ORDER BY name;
