-- name: read_breakers()
-- Read all breakers.
SELECT * FROM ops.breakers ORDER BY vendor;

-- name: read_breaker(vendor)^
-- Read one breaker, if the vendor ever failed.
SELECT * FROM ops.breakers WHERE vendor = :vendor;

-- name: make_breaker(vendor, now)!
-- Make a closed breaker where there is none.
INSERT INTO ops.breakers (vendor, state, changed_at) VALUES (:vendor, 'closed', :now) ON CONFLICT DO NOTHING;

-- name: lock_breaker(vendor)^
-- Read a breaker, and let nobody else change it until the transaction ends.
SELECT * FROM ops.breakers WHERE vendor = :vendor FOR UPDATE;

-- name: save_breaker(vendor, state, failing, openings, probe_at, probe_by, reason, opened_at, paused_by, paused_why, changed_at)!
-- Write down how a breaker stands.
UPDATE ops.breakers
SET state = :state, failing = :failing, openings = :openings, probe_at = :probe_at, probe_by = :probe_by,
    reason = :reason, opened_at = :opened_at, paused_by = :paused_by, paused_why = :paused_why, changed_at = :changed_at
WHERE vendor = :vendor;
