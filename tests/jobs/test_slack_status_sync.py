"""`slack_status_sync` against Slack on the wire and a real Postgres: who is where, whatever goes wrong."""

from datetime import timedelta

import pytest

from include.errors import MemberUnknownError
from include.membership.members import ExternalId
from include.store.slack import AccountLink
from tests.contract.conftest import slack_client_of
from tests.jobs.slack_world import BOT, CHANNEL, GROUP, OWNER

# --- the group ---


def test_active_members_are_in_the_group(slack):
    """Whoever is at Slack comes in, strangers do not, and one write is all it takes."""
    emails = slack.seed(8)
    for email in emails[:5]:
        slack.member(email.upper())
    slack.member("elsewhere@example.org")

    result = slack.run()

    assert slack.group() == set(emails[:5])
    assert (result.active, result.matched, result.unmatched) == (6, 5, 1)
    assert result.targets[GROUP].added == 5
    assert slack.writes() == ["usergroups.users.update"]


def test_second_run_changes_nothing(slack):
    """What is so already is not written again."""
    slack.both(5)
    slack.run()

    result = slack.run()

    assert (result.done, slack.calls("usergroups.users.update")) == (0, 1)


def test_who_runs_the_workspace_and_who_is_no_person_stays_out(slack):
    """Owners, admins, guests, bots, who is gone and protected people are not let in, members or not."""
    emails = slack.both(9, owners=1, admins=1, guests=1, deactivated=1, bots=2)
    protected = frozenset({slack.ids[emails[4]]})

    result = slack.run(protected=protected)

    assert slack.group() == set(emails[5:])
    assert result.passed_over == {"staff": 2, "guest": 1, "protected": 1}
    assert result.unmatched == 1  # who is gone has no account that counts


def test_nobody_of_those_is_removed_either(slack):
    """Staff and protected people in the group stay; a guest and who is gone would refuse the whole list."""
    emails = slack.both(12, in_group=10)
    for number, role in enumerate(["owner", "admin", "guest"]):
        slack.sandbox.act("slack_person", email=emails[2 + number], becomes=role)
    for email in emails[2:6]:
        slack.becomes(email, "canceled")

    result = slack.run(grace=timedelta(0), protected=frozenset({slack.ids[emails[5]]}))

    assert slack.group() == set(emails) - {emails[4]}
    assert (result.targets[GROUP].removed, result.targets[GROUP].dropped) == (0, 1)


def test_who_lapsed_stays_for_the_grace_period(slack):
    """Three days from the run that saw it first; who comes back meanwhile starts anew."""
    emails = slack.both(10)
    slack.run()
    slack.becomes(emails[0], "canceled")
    slack.becomes(emails[1], "canceled")

    first = slack.run()
    slack.pass_time(days=2)
    slack.becomes(emails[1], "active")
    slack.run()
    slack.becomes(emails[1], "canceled")
    slack.pass_time(days=1)
    last = slack.run()

    assert (first.targets[GROUP].waiting, first.targets[GROUP].removed) == (2, 0)
    assert (last.targets[GROUP].waiting, last.targets[GROUP].removed) == (1, 1)
    assert slack.group() == set(emails[1:])


def test_late_payment_removes_nobody_and_keeps_nobody_out(slack):
    """While a payment is tried again she has access as everybody has: who is not there yet is let in."""
    emails = slack.both(6)
    slack.becomes(emails[0], "past_due")
    slack.run()
    slack.becomes(emails[1], "past_due")

    slack.run(grace=timedelta(0))

    assert slack.group() == set(emails)


def test_stranger_in_the_group_goes_too(slack):
    """Somebody put in by hand who is no member has the same grace."""
    emails = slack.seed(8, in_group=8)
    for email in emails[1:]:
        slack.member(email)

    slack.run()
    slack.pass_time(days=3)
    slack.run()

    assert slack.group() == set(emails[1:])


# --- the guard ---


def test_shrinking_too_much_is_refused_until_a_person_has_looked(slack):
    """Nothing is changed, the reason is audited; with the number confirmed it happens."""
    emails = slack.both(10)
    slack.run()
    for email in emails[:3]:
        slack.becomes(email, "canceled")

    refused = slack.run(grace=timedelta(0))
    afterwards = slack.group()
    confirmed = slack.run(grace=timedelta(0), remove_up_to=3)

    assert refused.is_failure
    assert "would remove 3 of 10, and the limit is 20%" in refused.summary
    assert afterwards == set(emails)
    assert (confirmed.is_failure, slack.group()) == (False, set(emails[3:]))
    jobs = [row["action"] for row in slack.audit() if row["target"] == "job:slack_status_sync"]
    assert jobs == ["job:completed", "job:refused", "job:completed"]


def test_share_that_is_just_allowed_goes_through(slack):
    """Two of ten are a fifth, not more."""
    emails = slack.both(10)
    slack.run()
    for email in emails[:2]:
        slack.becomes(email, "canceled")

    assert not slack.run(grace=timedelta(0)).is_failure
    assert slack.group() == set(emails[2:])


def test_no_member_at_all_is_refused(slack):
    """An empty platform is a fault of ours: nothing is changed anywhere, and nobody's grace begins."""
    emails = slack.both(4)
    slack.run(channel_ids=(CHANNEL,))
    for email in emails:
        slack.becomes(email, "canceled")
    before = len(slack.writes())

    result = slack.run(channel_ids=(CHANNEL,), grace=timedelta(0))

    assert result.is_failure
    assert "nobody at Slack is an active member" in result.summary
    assert slack.group() == slack.channel() == set(emails)
    assert (len(slack.writes()), slack.store.slack.grace_periods()) == (before, {})


def test_community_that_has_just_begun_is_no_fault(slack):
    """No member yet, and only staff where members will be: the first run by the schedule is green."""
    result = slack.run(channel_ids=(CHANNEL,))

    assert (result.is_failure, result.active, result.matched) == (False, 0, 0)
    assert set(result.targets) == {GROUP, CHANNEL}


def test_members_none_of_whom_is_at_slack_are_said(slack):
    """The first ones may not have joined yet; later it is a scope or a workspace that is wrong: the line says it."""
    for number in range(3):
        slack.member(f"ada{number}@example.org")

    result = slack.run(channel_ids=(CHANNEL,))

    assert not result.is_failure
    assert "none of 3 members has an account at Slack that could be found" in result.summary


def test_last_member_leaves_a_group_that_is_disabled(slack):
    """A group cannot be emptied: with a person's word it is disabled, and comes back with the next member."""
    emails = slack.both(3)
    slack.run()
    for email in emails:
        slack.becomes(email, "canceled")

    gone = slack.run(grace=timedelta(0), remove_up_to=3)
    was_disabled = slack.is_disabled()
    slack.becomes(emails[0], "active")
    back = slack.run(grace=timedelta(0))

    assert (gone.targets[GROUP].removed, was_disabled) == (3, True)
    assert (back.targets[GROUP].added, slack.is_disabled()) == (1, False)
    assert slack.group() == {emails[0]}


def test_group_that_is_not_as_it_was_set_is_a_failure(slack):
    """The list is read back: a success of Slack's that is none is seen."""
    slack.both(3)
    body = {"ok": True, "usergroup": {}}
    slack.sandbox.fault("slack", "status", path="/usergroups.users.update", status=200, body=body)

    result = slack.run()

    assert slack.sandbox.fired() == 1
    assert result.is_failure
    assert "another group than was set: 3 are missing, 0 are too many" in result.summary


# --- who is who ---


def test_few_are_looked_up_and_many_are_listed(slack):
    """Up to forty questions about single people; then the whole list, page by page."""
    few = slack.both(5)
    slack.run()
    asked = {method: slack.calls(f"users.{method}") for method in ("list", "lookupByEmail")}
    for email in slack.seed(250, seed=2):
        slack.member(email)
    slack.run()

    assert asked == {"list": 0, "lookupByEmail": 5}
    assert (slack.calls("users.list"), slack.calls("users.lookupByEmail")) == (2, 5)
    assert len(slack.group()) == 250 + len(few)


def test_account_is_kept_when_an_address_changes(slack):
    """Found by address once, known by id from then on, whichever side changes."""
    emails = slack.both(4)
    slack.run()
    slack.sandbox.act("slack_person", email=emails[0], new_email="new@example.org")

    result = slack.run(grace=timedelta(0))

    assert (result.matched, slack.group()) == (4, set(emails))


def test_person_who_comes_back_with_another_account_is_found_again(slack):
    """The account she was linked to is closed, and her address has a new one."""
    [email, *others] = slack.both(4)
    slack.run()
    slack.sandbox.act("slack_person", email=email, new_email="old@example.org")
    slack.sandbox.act("slack_person", email="old@example.org", becomes="deactivated")
    slack.joins(email)

    slack.run()
    slack.run()  # now the address is not asked for any more, the account is

    assert slack.group() == {email, *others}


def test_different_addresses_are_linked_by_a_person(slack):
    """Once said, it is kept, and no address says otherwise."""
    slack.both(4)
    member = slack.member("billing@example.org")
    hers = slack.joins("private@example.org")

    result = slack.run(links=(AccountLink(member_id=member.id, slack_user_id=hers, by_hand=True),))
    slack.joins("billing@example.org")
    again = slack.run()

    assert (result.unmatched, "private@example.org" in slack.group()) == (0, True)
    assert (again.done, "billing@example.org" in slack.group()) == (0, False)


def test_run_for_one_member_touches_nobody_else(slack):
    """She comes in; others who should come or go wait for the next tick."""
    emails = slack.both(6, in_group=2)
    slack.becomes(emails[5], "canceled")
    member = next(iter(slack.store.members.find([ExternalId("email", emails[0])])))

    slack.run(member_id=member, grace=timedelta(0), channel_ids=(CHANNEL,))

    assert slack.group() == {emails[0], *emails[4:]}
    assert slack.channel() == {emails[0]}
    assert slack.calls("users.list") == 0


def test_member_who_is_nobody_is_said(slack):
    """A slip of the pen in the form."""
    with pytest.raises(MemberUnknownError):
        slack.run(member_id="00000000-0000-0000-0000-000000000000")


# --- channels ---


def test_members_come_into_the_channel_and_leave_it(slack):
    """Invited together, removed one by one; owner, bot and guests stay."""
    emails = slack.both(12, guests=1, in_channel=6)
    slack.becomes(emails[11], "canceled")

    result = slack.run(channel_ids=(CHANNEL,), grace=timedelta(0))

    target = result.targets[CHANNEL]
    assert (target.added, target.removed) == (5, 1)
    assert slack.channel() == set(emails[1:11])
    (channel,) = [one for one in slack.state()["channels"] if one["id"] == CHANNEL]
    assert {OWNER, BOT} <= set(channel["members"])
    assert (slack.calls("conversations.invite"), slack.calls("conversations.kick")) == (1, 1)


def test_one_who_cannot_be_invited_stops_nobody(slack):
    """Slack refuses all of them for her: by halves she is found, and is an error by id."""
    emails = slack.both(16)
    body = {"ok": False, "error": "cant_invite"}
    path = "/conversations.invite"
    slack.sandbox.fault("slack", "status", path=path, status=200, body=body, times=5)

    result = slack.run(channel_ids=(CHANNEL,))

    assert slack.sandbox.fired() == 5  # all sixteen, then eight, four, two and her
    assert (len(slack.channel()), slack.calls("conversations.invite")) == (15, 5 + 4)
    assert [error["why"] for error in result.errors] == ["Slack refuses the call: cant_invite"]
    assert not result.is_failure
    assert not set(emails) & {error["person"] for error in result.errors}
    slack.run(channel_ids=(CHANNEL,))
    assert slack.channel() == set(emails)


@pytest.mark.parametrize(
    ("channel", "why"),
    [("C0GENERAL01", "#general"), ("C0NOWHERE01", "channel_not_found")],
)
def test_channel_that_cannot_be_used_stops_nobody(slack, channel, why):
    """A mistake in the connection is an error; the group is done all the same."""
    emails = slack.both(3)

    result = slack.run(channel_ids=(channel,))

    assert slack.group() == set(emails)
    [error] = result.errors
    assert (error["target"], why in error["why"]) == (channel, True)


# --- who is not of this workspace ---


@pytest.mark.parametrize("others", [0, 50], ids=["asked one by one", "the whole list"])
@pytest.mark.parametrize("status", ["active", "canceled"])
def test_person_of_another_workspace_is_never_touched(slack, others, status):
    """She shares the members' channel: not taken for the member with her address, not taken out, not let in."""
    slack.without_limits()
    slack.both(others + 1)
    stranger = slack.joins("ada@elsewhere.example", role="stranger")
    slack.member("ada@elsewhere.example", status)
    client = slack_client_of(slack.sandbox)
    client.conversations_invite(channel=CHANNEL, users=[stranger])

    for _ in range(2):
        result = slack.run(channel_ids=(CHANNEL,))
        slack.pass_time(days=10)

    assert "ada@elsewhere.example" in slack.channel()
    assert "ada@elsewhere.example" not in slack.group()
    assert result.unmatched == (1 if status == "active" else 0)
    assert result.errors == []


def test_ids_of_enterprise_grid_are_ids(slack):
    """They begin with W."""
    [email] = slack.both(1)
    document = {**person_of(slack, email), "id": "W012A3CDE"}
    slack.sandbox.fault(
        "slack",
        "status",
        status=200,
        path="/users.lookupByEmail",
        body={"ok": True, "user": document},
    )

    slack.run(dry_run=True)

    assert slack.run(dry_run=True).matched == 1


def test_odd_answer_about_one_person_ends_no_run(slack):
    """Of one Slack says what nobody can read: she is left as she is, and the others are brought in line."""
    first, second = slack.both(2)
    slack.run()
    [third] = slack.both(1, seed=2)
    odd = {"ok": True, "user": {"id": "no id", "profile": []}}
    slack.sandbox.fault("slack", "status", status=200, path="/users.info", body=odd, times=1)

    slack.run()

    assert slack.sandbox.fired() == 1
    assert slack.group() == {first, second, third}


def person_of(slack, email):
    """Return somebody as Slack shows her."""
    return slack_client_of(slack.sandbox).users_lookupByEmail(email=email).data["user"]
