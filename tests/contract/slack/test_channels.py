"""Channels, as Slack's own package changes them."""

import pytest

from tests.contract.conftest import slack_code_of

GENERAL, MEMBERS = "C0GENERAL01", "C0MEMBERS01"
PEOPLE = {"people": 6, "guests": 1, "deactivated": 1, "bots": 1, "in_channel": 2}


@pytest.fixture
def people(checked):
    """Fill the workspace; the last two of the people are in the members' channel."""
    return checked.ask("POST", "seed/slack", json=PEOPLE)["people"]


def members(slack, channel=MEMBERS):
    """Return who is in a channel, over all pages."""
    pages = slack.conversations_members(channel=channel, limit=2)
    return [user_id for page in pages for user_id in page["members"]]


def test_channels_that_the_bot_sees_are_listed(slack):
    """Public ones by default; private ones where the bot is in them."""
    public = slack.conversations_list()["channels"]
    both = slack.conversations_list(types="public_channel,private_channel")["channels"]

    names = {channel["name"] for channel in public}
    assert {"general", "ops-alerts"} <= names
    assert {channel["name"] for channel in both} == names | {"staff", "members"}
    assert slack.conversations_info(channel=MEMBERS)["channel"]["is_member"]


def test_people_come_and_go(slack, people):
    """Several are invited with one call, one is kicked with one."""
    before = set(members(slack))

    slack.conversations_invite(channel=MEMBERS, users=[people[2]["id"], people[3]["id"]])
    slack.conversations_kick(channel=MEMBERS, user=people[5]["id"])

    invited = {people[2]["id"], people[3]["id"]}
    assert set(members(slack)) == (before | invited) - {people[5]["id"]}


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (5, "already_in_channel"),
        (1, "cant_invite"),
        ("U0NOBODY", "user_not_found"),
        ("U0OPSBOT001", "cant_invite_self"),
    ],
)
def test_one_who_cannot_be_invited_keeps_the_others_out(slack, people, who, code):
    """The refusal names the first obstacle, and nobody comes in."""
    before = members(slack)
    user = people[who]["id"] if isinstance(who, int) else who

    wanted = [people[2]["id"], user]
    assert slack_code_of(slack.conversations_invite, channel=MEMBERS, users=wanted) == code
    assert members(slack) == before


@pytest.mark.parametrize(
    ("channel", "who", "code"),
    [
        (GENERAL, 5, "cant_kick_from_general"),
        (MEMBERS, 2, "not_in_channel"),
        (MEMBERS, "U0OPSBOT001", "cant_kick_self"),
        (MEMBERS, "U0NOBODY", "user_not_found"),
        ("C0NOWHERE01", 5, "channel_not_found"),
    ],
)
def test_kick_is_refused(slack, people, channel, who, code):
    """Nobody is kicked from #general, and nobody who is not there."""
    user = people[who]["id"] if isinstance(who, int) else who

    assert slack_code_of(slack.conversations_kick, channel=channel, user=user) == code


def test_bot_must_be_in_a_channel_to_invite(slack, people):
    """In #general the bot is not."""
    wish = {"channel": GENERAL, "users": [people[0]["id"]]}

    assert slack_code_of(slack.conversations_invite, **wish) == "not_in_channel"
