-- name: read_links()
-- Read which member is who at Slack.
SELECT member_id, slack_user_id, by_hand, field_value FROM ops.slack_people ORDER BY member_id;

-- name: save_links(member_id, slack_user_id, by_hand, now)*!
-- Write a link down; one made by hand is only replaced by hand.
INSERT INTO ops.slack_people (member_id, slack_user_id, by_hand, tied_at)
VALUES (:member_id, :slack_user_id, :by_hand, :now)
ON CONFLICT (member_id) DO UPDATE
SET slack_user_id = excluded.slack_user_id, by_hand = excluded.by_hand, tied_at = excluded.tied_at, field_value = ''
WHERE (excluded.by_hand OR NOT slack_people.by_hand) AND slack_people.slack_user_id <> excluded.slack_user_id;

-- name: note_field(member_id, value)!
-- Write down what we last wrote into a member's profile.
UPDATE ops.slack_people SET field_value = :value WHERE member_id = :member_id;

-- name: read_grace_periods()
-- Read since when who at Slack should not be among the members.
SELECT slack_user_id, since, proposed_at FROM ops.slack_lapses ORDER BY slack_user_id;

-- name: begin_grace_periods(slack_user_ids, now)!
-- Note who should not be there from now on; who is noted already keeps her time.
INSERT INTO ops.slack_lapses (slack_user_id, since)
SELECT id, :now FROM unnest(:slack_user_ids::text[]) AS lapsed (id)
ON CONFLICT (slack_user_id) DO NOTHING;

-- name: end_grace_periods(slack_user_ids)!
-- Forget grace periods that are over.
DELETE FROM ops.slack_lapses WHERE slack_user_id = ANY (:slack_user_ids::text[]);

-- name: note_proposed(slack_user_ids, now)!
-- Write down that staff was told of these.
UPDATE ops.slack_lapses SET proposed_at = :now WHERE slack_user_id = ANY (:slack_user_ids::text[]);
