"""User groups, as Slack's own package changes them."""

import pytest

from tests.contract.conftest import slack_code_of

GROUP = "S0MEMBERS01"
PEOPLE = {"people": 8, "guests": 1, "deactivated": 1, "bots": 1, "in_group": 3}


@pytest.fixture
def people(checked):
    """Fill the workspace; the last three of the people are in the group."""
    return checked.ask("POST", "seed/slack", json=PEOPLE)["people"]


def users(slack):
    """Return who is in the group."""
    return slack.usergroups_users_list(usergroup=GROUP, include_disabled=True)["users"]


def test_list_is_replaced_as_a_whole(slack, people):
    """Whoever is not named is out."""
    wanted = [people[3]["id"], people[7]["id"]]
    before = users(slack)

    answer = slack.usergroups_users_update(usergroup=GROUP, users=wanted, include_count=True)

    assert before == [one["id"] for one in people[5:]]
    assert (answer["usergroup"]["user_count"], users(slack)) == (2, wanted)


def test_group_cannot_be_emptied(slack, people):
    """An empty list is refused, and everybody stays."""
    before = users(slack)

    assert slack_code_of(slack.usergroups_users_update, usergroup=GROUP, users=[]) == (
        "no_users_provided"
    )
    assert users(slack) == before


@pytest.mark.parametrize("kind", ["guest", "gone", "bot", "nobody"])
def test_one_who_may_not_be_in_a_group_refuses_the_list(slack, people, kind):
    """Guests, bots, people who are gone or unknown: the whole list is refused."""
    ids = {
        "guest": people[0]["id"],
        "gone": people[1]["id"],
        "bot": "U0OPSBOT001",
        "nobody": "U0NOBODY",
    }
    before = users(slack)

    wanted = [people[2]["id"], ids[kind]]
    assert slack_code_of(slack.usergroups_users_update, usergroup=GROUP, users=wanted) == (
        "invalid_users"
    )
    assert users(slack) == before


def test_group_is_disabled_and_comes_back_with_its_people(slack, people):
    """A disabled group is listed only where asked for, and keeps who was in it."""
    slack.usergroups_disable(usergroup=GROUP)

    assert slack.usergroups_list()["usergroups"] == []
    (shown,) = slack.usergroups_list(include_disabled=True, include_users=True)["usergroups"]
    assert shown["date_delete"] > 0
    assert slack_code_of(slack.usergroups_users_list, usergroup=GROUP) == "no_such_subteam"
    slack.usergroups_enable(usergroup=GROUP)
    (shown,) = slack.usergroups_list(include_users=True)["usergroups"]
    assert (shown["date_delete"], len(shown["users"])) == (0, 3)


def test_who_is_deactivated_leaves_the_group(checked, slack, people):
    """Slack takes people who are gone out of groups and channels by itself."""
    checked.act("slack_person", email=people[7]["email"], becomes="deactivated")

    assert users(slack) == [one["id"] for one in people[5:7]]


def test_twenty_calls_a_minute(checked, slack):
    """Tier 2: the 21st within a minute is a 429 with the pause; a minute later it goes through."""
    for _ in range(20):
        slack.usergroups_list()

    assert slack_code_of(slack.usergroups_list) == "ratelimited"
    slack.users_list()  # another method has a count of its own
    checked.ask("POST", "clock", json={"advance_seconds": 60})
    assert slack.usergroups_list()["ok"]
