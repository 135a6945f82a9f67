"""What the sync with Slack writes into profiles, proposes, shows in a dry run and writes down."""

from datetime import timedelta

import pytest
import structlog

from tests.jobs.slack_world import CHANNEL, FIELD, GROUP

# --- profile, proposals, dry run, what is written down ---


def test_profile_says_until_when(slack):
    """Set where it differs, by the admin's token; taken away when the membership has been over for a while."""
    emails = slack.both(4)
    slack.becomes(emails[0], "past_due")

    first = slack.run(field_id=FIELD)
    second = slack.run(field_id=FIELD)
    slack.becomes(emails[1], "canceled")
    slack.run(field_id=FIELD, grace=timedelta(0), share=1)

    people = {one["id"]: one for one in slack.state()["people"]}
    fields = {email: people[slack.ids[email]]["profile"]["fields"] for email in emails}
    until = {FIELD: {"value": "2027-03-01", "alt": ""}}
    assert (first.fields_set, second.fields_set) == (3, 0)
    assert fields == {emails[0]: [], emails[1]: [], emails[2]: until, emails[3]: until}


def test_closing_an_account_is_only_proposed(slack):
    """After thirty days staff is told once, by id; the account stays as it is."""
    emails = slack.both(10)
    slack.run()
    slack.becomes(emails[0], "canceled")
    slack.run()
    slack.pass_time(days=30)

    results = [slack.run(), slack.run()]

    assert [result.proposed for result in results] == [1, 0]
    [message] = slack.messages()
    assert (message["channel"], f"<@{slack.ids[emails[0]]}>" in message["text"]) == (
        "C0STAFF0001",
        True,
    )
    assert "@example" not in message["text"]
    assert slack.state()["people"][-10]["deleted"] is False


@pytest.mark.parametrize(("kind", "told"), [("lost_answer", 1), ("reset", 0)])
def test_proposal_whose_answer_was_lost_is_not_repeated(slack, kind, told):
    """Once too few rather than twice a day."""
    emails = slack.both(10)
    slack.run()
    slack.becomes(emails[0], "canceled")
    slack.run()
    slack.pass_time(days=30)
    slack.sandbox.fault("slack", kind, path="/chat.postMessage", times=1)

    slack.run()
    slack.run()

    assert slack.sandbox.fired() == 1
    assert (len(slack.messages()), slack.calls("chat.postMessage")) == (told, 1)


def test_dry_run_shows_the_difference_and_changes_nothing(slack):
    """Ids at Slack in the log, counts in the result; nothing written here or there."""
    emails = slack.both(12, in_group=10)
    slack.becomes(emails[11], "canceled")
    orders = {"channel_ids": (CHANNEL,), "field_id": FIELD, "grace": timedelta(0)}

    with structlog.testing.capture_logs() as logs:
        result = slack.run(dry_run=True, **orders)

    [group, channel] = [line for line in logs if line["event"] == "slack_sync.would_change"]
    assert group["add"] == sorted(slack.ids[email] for email in emails[:2])
    assert group["remove"] == [slack.ids[emails[11]]]
    assert (len(channel["add"]), result.fields_set) == (11, 11)
    assert "@" not in str(logs)
    assert slack.writes() == slack.audit() == []
    assert (slack.store.slack.links(), slack.store.slack.grace_periods()) == ({}, {})


def test_refusal_shows_in_a_dry_run(slack):
    """What would be refused is said before."""
    emails = slack.both(5)
    slack.run()
    for email in emails[:2]:
        slack.becomes(email, "canceled")

    result = slack.run(dry_run=True, grace=timedelta(0))

    assert "would remove 2 of 5" in result.summary


def test_each_change_of_a_member_is_in_the_audit_log(slack):
    """Who came in and went out, by whom and where; no address anywhere."""
    emails = slack.both(6)
    slack.run()
    slack.becomes(emails[0], "canceled")
    slack.run(grace=timedelta(0))

    rows = slack.audit()
    changes = [(row["action"], row["metadata"]) for row in rows if "member:" in row["target"]]
    assert changes == [("slack:add", {"target": GROUP})] * 6 + [("slack:remove", {"target": GROUP})]
    assert {row["actor"] for row in rows} == {"system:slack_status_sync"}
    [first, second] = [row["metadata"] for row in rows if row["action"] == "job:completed"]
    assert (first["targets"][GROUP]["added"], second["targets"][GROUP]["removed"]) == (6, 1)
    assert "@" not in str(rows)
