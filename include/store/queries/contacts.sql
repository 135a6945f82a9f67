-- name: save_contacts(member_id, subscriber_hash, status, tags, retired, applied_sha256, is_reader, now)*!
-- Write down how a member's contact was left.
INSERT INTO ops.contacts (member_id, subscriber_hash, status, tags, retired, applied_sha256, is_reader, synced_at)
VALUES (:member_id, :subscriber_hash, :status, :tags, :retired, :applied_sha256, :is_reader, :now)
ON CONFLICT (member_id) DO UPDATE
  SET subscriber_hash = EXCLUDED.subscriber_hash, status = EXCLUDED.status, tags = EXCLUDED.tags,
      retired = EXCLUDED.retired, applied_sha256 = EXCLUDED.applied_sha256, is_reader = EXCLUDED.is_reader,
      synced_at = EXCLUDED.synced_at;

-- name: take_contacts(member_ids, hashes)!
-- Take these contacts from whoever had them before: a contact is one member's.
DELETE FROM ops.contacts WHERE subscriber_hash = ANY (:hashes::text[]) AND member_id <> ALL (:member_ids::uuid[]);

-- name: read_contacts(hashes)
-- Read the records of these contacts, with the members who have them.
SELECT member_id, subscriber_hash, status, tags, retired, applied_sha256, is_reader FROM ops.contacts
WHERE subscriber_hash = ANY (:hashes::text[]);

-- name: note_pending(member_ids)!
-- Write down that contacts which we took for subscribed have yet to be confirmed.
UPDATE ops.contacts SET status = 'pending' WHERE member_id = ANY (:member_ids::uuid[]) AND status = 'subscribed';

-- name: forget_contacts(member_ids)!
-- Drop the contacts of members that were merged into others.
DELETE FROM ops.contacts WHERE member_id = ANY (:member_ids::uuid[]);
