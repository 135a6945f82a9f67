"""Who is who at Slack, and what her profile says."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from include.events import SubscriptionStatus
from include.jobs.slack_status_sync.snapshot import SlackDirectory, field_of, match, standings
from include.membership.members import Member, Membership
from include.membership.standing import Standing
from include.store.slack import AccountLink
from include.vendors.slack.workspace import SlackUser, SlackUserKind

NOW = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)


def member(number, *statuses, email="ada@example.org"):
    """Make a member with memberships of these statuses."""
    memberships = tuple(
        Membership(
            subscription_id=f"sub_{index}",
            status=SubscriptionStatus(status),
            current_period_end=NOW,
        )
        for index, status in enumerate(statuses)
    )
    return Member(id=UUID(int=number), email=email, created_at=NOW, memberships=memberships)


def person(user_id, kind=SlackUserKind.PERSON, email=None):
    """Make somebody at Slack."""
    return SlackUser(id=user_id, kind=kind, email=email)


def link(number, user_id, *, by_hand=False):
    """Link a member to an account."""
    return AccountLink(member_id=UUID(int=number), slack_user_id=user_id, by_hand=by_hand)


def test_address_is_compared_without_case_and_found_only_where_somebody_is():
    """An account that is gone does not count."""
    people = SlackDirectory(
        [person("U1", email="ada@example.org"), person("U2", SlackUserKind.GONE, "bo@example.org")]
    )

    assert people.id_of("Ada@Example.org") == "U1"
    assert people.id_of("bo@example.org") is None
    assert people.id_of(None) is None
    assert people.kind_of("U9") is SlackUserKind.GONE


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (None, "U1"),  # by address
        (link(1, "U2"), "U2"),  # known: the address says nothing any more
        (link(1, "U3"), "U1"),  # the account is gone: by address again
        (link(1, "U3", by_hand=True), "U3"),  # a person said so
    ],
)
def test_account_of_a_member(known, found):
    """The one she is linked to while it is there, else the one with her address."""
    people = SlackDirectory(
        [person("U1", email="ada@example.org"), person("U2"), person("U3", SlackUserKind.GONE)]
    )
    links = {known.member_id: known} if known else {}

    result = match([member(1, "active")], links, people)

    assert result.links[UUID(int=1)].slack_user_id == found
    assert bool(result.new) is (found == "U1")


def test_account_that_two_members_have_has_the_better_standing():
    """Somebody with an old membership under another address is a member."""
    links = {UUID(int=1): link(1, "U1"), UUID(int=2): link(2, "U1")}

    assert standings([member(1, "canceled"), member(2, "active")], links) == {"U1": Standing.ACTIVE}


@pytest.mark.parametrize(
    ("statuses", "text"),
    [(["active"], "2026-11-25"), (["canceled"], ""), (["past_due"], ""), ([], "")],
)
def test_profile_says_the_day_until_which_is_paid(statuses, text):
    """In UTC; nothing for who is no active member."""
    assert field_of(member(1, *statuses)) == text
