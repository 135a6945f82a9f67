"""What a membership means for the contact at Mailchimp."""

import hashlib
from dataclasses import fields, replace
from datetime import timedelta
from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.events import SubscriptionStatus as Status
from include.membership.desired_contact import (
    FACTS,
    DesiredContact,
    desired_contact_of,
    is_satisfied,
    tags_of,
)
from include.membership.members import state_of
from include.membership.policy import Fact, policy_from, shipped
from include.membership.standing import (
    STANDINGS,
    Standing,
    current_membership,
    is_new_member,
    standing_of,
)
from tests.factories import NOW, PERIOD_END, make_contact, make_member, make_membership

EXCLUSIVE = {"active", "past_due", "paused", "alumni"}
memberships = st.builds(
    make_membership,
    subscription_id=st.sampled_from(["sub_1", "sub_2", "sub_3"]),
    status=st.sampled_from(Status),
    tier=st.sampled_from(["", "pro", "leader"]),
    current_period_end=st.sampled_from([None, NOW, PERIOD_END]),
    cancel_at=st.sampled_from([None, PERIOD_END]),
    cancel_at_period_end=st.booleans(),
    first_active_at=st.sampled_from([None, NOW]),
)
members = st.builds(
    make_member,
    email=st.sampled_from([None, "ada@example.org"]),
    deleted_at=st.sampled_from([None, NOW]),
    memberships=st.lists(memberships, max_size=3, unique_by=lambda m: m.subscription_id).map(tuple),
    contact=st.sampled_from([None, make_contact()]),
)


@pytest.mark.parametrize(
    ("changes", "tags"),
    [
        ({}, "active pro"),
        ({"status": Status.TRIALING}, "active pro"),
        ({"tier": ""}, "active"),
        ({"cancel_at_period_end": True}, "active pro canceling"),
        ({"cancel_at": PERIOD_END}, "active pro canceling"),
        ({"status": Status.PAST_DUE}, "past_due pro"),
        ({"status": Status.UNPAID}, "past_due pro"),
        ({"status": Status.PAUSED}, "paused pro"),
        ({"status": Status.CANCELED}, "alumni"),
        ({"status": Status.CANCELED, "cancel_at_period_end": True}, "alumni"),
        ({"status": Status.INCOMPLETE}, ""),
        ({"status": Status.INCOMPLETE_EXPIRED}, ""),
    ],
    ids=str,
)
def test_tags_tell_the_membership(changes, tags):
    """The table of tags, row by row."""
    assert tags_of([make_membership(**changes)], shipped()) == set(tags.split())


@pytest.mark.parametrize("tier", ["alumni", "Active", "past_due"])
def test_tier_that_a_price_calls_like_a_standing_gives_no_tag(tier):
    """Where every subscription is a membership, prices say what the tiers are; a standing's tag is the standing's."""
    policy = policy_from("other_subscriptions: member")

    assert tags_of([make_membership(tier=tier)], policy) == {"active"}


def test_every_status_has_a_standing():
    """No status of Stripe's is left without a meaning."""
    assert set(STANDINGS) == set(Status)


@given(memberships)
def test_at_most_one_tag_tells_the_standing(membership):
    """Who is active is not past due, and who has left is neither and has no tier."""
    tags = tags_of([membership], shipped())

    assert len(tags & EXCLUSIVE) <= 1
    assert "alumni" not in tags or tags == {"alumni"}


@given(members, st.randoms())
def test_order_of_memberships_does_not_matter(member, random):
    """The same memberships mean the same, in whatever order they were read."""
    shuffled = list(member.memberships)
    random.shuffle(shuffled)

    assert desired_contact_of(replace(member, memberships=tuple(shuffled))) == desired_contact_of(
        member
    )


@given(members)
def test_who_is_active_anywhere_gets_mail(member):
    """One good membership outweighs any number of ended ones; a deleted account gets no mail."""
    desired = desired_contact_of(member)
    is_active = any(STANDINGS[m.status] is Standing.ACTIVE for m in member.memberships)

    if desired is not None and is_active:
        assert desired.subscribed == (member.deleted_at is None)
    if desired is None:
        assert member.email is None or not wishes_a_contact(member)


def wishes_a_contact(member):
    """Say it in other words: somebody who is or was a member, and has not left without a trace."""
    began = any(STANDINGS[m.status] is not Standing.NONE for m in member.memberships)
    return member.contact is not None if member.deleted_at else began


def test_ended_membership_means_no_mail():
    """Who was a member is kept as an alumna and unsubscribed, even where we never knew her active."""
    desired = desired_contact_of(
        make_member(memberships=(make_membership(status=Status.CANCELED),))
    )

    assert (desired.subscribed, desired.tags) == (False, {"alumni"})


def test_nobody_is_added_without_a_membership():
    """A Clerk account alone makes no contact."""
    assert desired_contact_of(make_member(memberships=())) is None


def test_deleted_account_leaves_no_new_contact():
    """Who deletes her account is unsubscribed where she was a contact, and not added where she was not."""
    gone = make_member(deleted_at=NOW)

    assert desired_contact_of(gone) is None
    assert desired_contact_of(replace(gone, contact=make_contact())).tags == {"alumni"}


@pytest.mark.parametrize("change", [field.name for field in fields(DesiredContact)])
def test_each_part_of_a_wish_counts(change):
    """A change of any part of what is desired is a change to be called."""
    desired = desired_contact_of(make_member())
    others = {
        "tags": frozenset({"x"}),
        "subscribed": False,
        "fields": {**desired.fields, "TIER": "other"},
        "definition": b"other",
    }

    changed = replace(desired, **{change: others.get(change, "other")})

    assert changed.sha256 != desired.sha256
    assert is_satisfied(desired, make_contact(applied_sha256=desired.sha256))
    assert not is_satisfied(changed, make_contact(applied_sha256=desired.sha256))


def test_usual_wish_is_told_apart_as_it_was_before_the_policy_named_fields():
    """What was applied before an upgrade is not called again by it."""
    desired = desired_contact_of(make_member())
    names = [desired.email, True, *(desired.fields[name] for name in ("FNAME", "LNAME", "TIER"))]

    told = orjson.dumps([*names, ["active", "pro"]])

    assert desired.sha256 == hashlib.sha256(told).digest()


def test_every_fact_of_the_policy_can_be_told():
    """What the file may name has a value of a member who has everything."""
    whole = make_membership(cancel_at=PERIOD_END, first_active_at=NOW)

    assert set(FACTS) == set(get_args(Fact))
    assert all(fact([whole], shipped()) for fact in FACTS.values())


def test_what_is_not_known_is_not_written_and_what_is_over_is_emptied():
    """Nobody noted when she joined: that stays as it is; that nothing ends is known."""
    policy = shipped().model_copy(
        update={"merge_fields": {"JOINED": "first_active_at", "ENDS": "ends_at"}}
    )
    member = make_member(memberships=(make_membership(first_active_at=None),))

    written = desired_contact_of(member, policy).merge_fields

    assert ("JOINED" in written, written["ENDS"]) == (False, "")


def test_contact_left_over_by_a_merge_is_work():
    """A contact that a merge left over has to be archived, though nothing else is to be called."""
    desired = desired_contact_of(make_member())

    assert not is_satisfied(desired, make_contact(applied_sha256=desired.sha256, retired=("abc",)))


@pytest.mark.parametrize(
    ("before", "is_new"),
    [
        ([], True),
        ([make_membership(status=Status.INCOMPLETE, first_active_at=None)], True),
        ([make_membership(status=Status.CANCELED, first_active_at=None)], True),
        ([make_membership(status=Status.CANCELED, first_active_at=NOW)], False),
        ([make_membership(status=Status.ACTIVE, first_active_at=None)], False),
        ([make_membership(status=Status.PAST_DUE, first_active_at=None)], False),
    ],
    ids=["nothing", "incomplete", "never active", "was active", "from before us", "past due"],
)
def test_only_the_first_membership_is_welcomed(before, is_new):
    """A member who comes back, or was one before we took notes, is not welcomed again."""
    assert is_new_member(before, make_member(), now=NOW, within=timedelta(days=30)) is is_new


@pytest.mark.parametrize(
    ("status", "tier"),
    [
        (Status.ACTIVE, "leader"),
        (Status.TRIALING, "leader"),
        (Status.PAST_DUE, "leader"),
        (Status.PAUSED, "community"),
        (Status.CANCELED, "community"),
    ],
)
def test_tier_is_the_highest_of_all_that_is_open_to_her(status, tier):
    """Of several memberships the plan of the highest rank is hers, not that of the longest; who owes keeps it."""
    yearly = make_membership(tier="community", current_period_end=PERIOD_END + timedelta(days=335))
    monthly = make_membership(subscription_id="sub_2", tier="leader", status=status)

    desired = desired_contact_of(make_member(memberships=(yearly, monthly)))

    assert desired.fields["TIER"] == tier
    assert desired.tags == {"active", tier}


def test_tier_that_no_plan_names_is_that_of_the_membership_that_counts():
    """Where every subscription is a membership there is no rank, but the one that lasts longest."""
    policy = policy_from("other_subscriptions: member")
    short = make_membership(tier="leader")
    long = make_membership(
        subscription_id="sub_2", tier="gold", current_period_end=PERIOD_END + timedelta(days=1)
    )

    assert (
        desired_contact_of(make_member(memberships=(short, long)), policy).fields["TIER"] == "gold"
    )


def test_longest_of_two_good_memberships_counts():
    """Of two active memberships the one that lasts longest is the one whose dates and customer count."""
    short = make_membership(tier="pro")
    long = make_membership(
        subscription_id="sub_2", tier="leader", current_period_end=PERIOD_END + timedelta(days=1)
    )

    assert current_membership((long, short)) == long


@given(members)
def test_audited_state_names_nobody(member):
    """What the audit log keeps has no address and no name, and no account that is deleted is active."""
    shown = str(state_of(member))

    assert "@" not in shown
    assert "Ada" not in shown
    assert "Lovelace" not in shown
    assert member.deleted_at is None or standing_of(member) is Standing.ENDED
