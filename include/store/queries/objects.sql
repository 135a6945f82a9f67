-- name: read_objects(providers, modes, object_ids)
-- Read what is known of these objects.
SELECT objects.*
FROM ops.objects
JOIN unnest(:providers::text[], :modes::text[], :object_ids::text[]) AS wanted (provider, mode, object_id)
  USING (provider, mode, object_id);

-- name: read_members_objects(provider, member_ids)
-- Read the objects of one vendor that belong to these members.
SELECT * FROM ops.objects WHERE provider = :provider AND member_id = ANY (:member_ids::uuid[]);

-- name: save_objects(provider, mode, object_id, member_id, as_of, event_id, is_final, provides)*!
-- Write down the state that was applied; what is final stays final, and nothing goes back in time.
INSERT INTO ops.objects (provider, mode, object_id, member_id, as_of, event_id, is_final, provides)
VALUES (:provider, :mode, :object_id, :member_id, :as_of, :event_id, :is_final, :provides)
ON CONFLICT (provider, mode, object_id) DO UPDATE
  SET member_id = coalesce(EXCLUDED.member_id, objects.member_id),
      as_of = greatest(EXCLUDED.as_of, objects.as_of),
      event_id = EXCLUDED.event_id,
      is_final = EXCLUDED.is_final OR objects.is_final,
      provides = EXCLUDED.provides;

-- name: move_members(from_ids, to_ids)!
-- Give the objects of merged members to the ones they were merged into.
UPDATE ops.objects SET member_id = merged.to_id
FROM unnest(:from_ids::uuid[], :to_ids::uuid[]) AS merged (from_id, to_id)
WHERE objects.member_id = merged.from_id;
