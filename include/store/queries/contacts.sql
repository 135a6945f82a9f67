-- name: save_contacts(member_id, subscriber_hash, status, tags, retired, applied_sha256, now)*!
-- Write down how a member's contact was left.
INSERT INTO ops.contacts (member_id, subscriber_hash, status, tags, retired, applied_sha256, synced_at)
VALUES (:member_id, :subscriber_hash, :status, :tags, :retired, :applied_sha256, :now)
ON CONFLICT (member_id) DO UPDATE
  SET subscriber_hash = EXCLUDED.subscriber_hash, status = EXCLUDED.status, tags = EXCLUDED.tags,
      retired = EXCLUDED.retired, applied_sha256 = EXCLUDED.applied_sha256, synced_at = EXCLUDED.synced_at;

-- name: forget_contacts(member_ids)!
-- Drop the contacts of members that were merged into others.
DELETE FROM ops.contacts WHERE member_id = ANY (:member_ids::uuid[]);
