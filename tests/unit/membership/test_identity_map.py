"""Who is who: members found, made and merged, in whatever order the vendors turn up."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest

from include.errors import MemberUnknownError
from include.events import (
    CustomerSnapshot,
    SubscriptionItem,
    SubscriptionSnapshot,
    SubscriptionStatus,
    UserSnapshot,
)
from include.membership.identity_map import IdentityMap
from include.membership.members import ExternalId
from include.membership.policy import shipped
from tests.factories import NOW, PERIOD_END, make_contact, make_member, make_membership

LATER = NOW + timedelta(hours=1)


def a_user(user_id="user_1", email="ada@example.org", *, deleted=False, first_name="Ada"):
    """Make a Clerk user."""
    return UserSnapshot(
        id=user_id, email=email, first_name=first_name, last_name="Lovelace", deleted=deleted
    )


def a_customer(customer_id="cus_1", email="ada@example.org", name="Countess Ada", *, deleted=False):
    """Make a Stripe customer."""
    return CustomerSnapshot(id=customer_id, email=email, name=name, deleted=deleted)


def a_subscription(
    status=SubscriptionStatus.ACTIVE,
    subscription_id="sub_1",
    customer_id="cus_1",
    *,
    product="prod_pro",
):
    """Make a subscription of a product."""
    return SubscriptionSnapshot(
        id=subscription_id,
        customer_id=customer_id,
        status=status,
        items=(SubscriptionItem(price_id="price_1", product_id=product, lookup_key=None, tier=""),),
        current_period_end=PERIOD_END,
        cancel_at=None,
        cancel_at_period_end=False,
        ended_at=None,
        was_never_paid=status is SubscriptionStatus.INCOMPLETE,
    )


def a_directory(*members):
    """Make an identity map of members as they were read."""
    identity_map = IdentityMap(NOW, shipped())
    identity_map.add({member.id: member for member in members}, {})
    return identity_map


def alive(identity_map):
    """Return the members that are not the lost part of a merge."""
    return [m for m in identity_map.members.values() if m.id not in identity_map.merged]


LINK = ("cus_1", "user_1")


def note_customer(identity_map, customer):
    """Let a customer be seen who may not be anybody's yet."""
    with suppress(MemberUnknownError):
        identity_map.apply_customer(customer)


def pay(identity_map, **details):
    """Let a customer pay for a membership, if there is one."""
    with suppress(MemberUnknownError):
        identity_map.apply_subscription(a_subscription(**details), at=NOW)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("stripes_email", ["Ada@Example.org", "billing@example.org"])
def test_one_person_in_every_order(order, stripes_email):
    """Clerk first or Stripe first, linked by address or by the checkout: one member, Clerk's names."""
    identity_map = a_directory()
    acts = [
        lambda: identity_map.apply_user(a_user(), at=NOW),
        lambda: note_customer(identity_map, a_customer(email=stripes_email)),
        lambda: pay(identity_map),
    ]

    for number in order:
        acts[number]()
    identity_map.name_account(*LINK)
    identity_map.apply_subscription(a_subscription(), at=NOW)

    [member] = alive(identity_map)
    assert (member.clerk_user_id, member.stripe_customer_id) == ("user_1", "cus_1")
    assert (member.email, member.first_name) == ("ada@example.org", "Ada")
    assert [m.subscription_id for m in member.memberships] == ["sub_1"]


def test_stripe_fills_what_clerk_does_not_give():
    """An account without a verified address gets Stripe's, and follows when that changes."""
    identity_map = a_directory()
    identity_map.apply_user(a_user(email=None), at=NOW)
    note_customer(identity_map, a_customer(email="one@example.org"))
    identity_map.name_account(*LINK)
    pay(identity_map)

    identity_map.apply_customer(a_customer(email="two@example.org"))

    [member] = alive(identity_map)
    assert (member.email, member.first_name) == ("two@example.org", "Ada")


def test_stripe_does_not_overrule_the_platform():
    """An account that the platform made before us has Clerk's address: Stripe's is another matter."""
    member = make_member(clerk_user_id="user_1", stripe_customer_id="cus_1")
    identity_map = a_directory(member)

    identity_map.apply_customer(a_customer(email="billing@example.org", name="Billing"))

    assert identity_map.members[member.id] == member


def test_clerk_users_row_survives_a_merge():
    """Stripe's member becomes part of Clerk's: memberships, contact and all; the lost row is closed."""
    paid = make_member(
        id=UUID(int=1),
        email="billing@example.org",
        stripe_customer_id="cus_1",
        contact=make_contact(),
    )
    account = make_member(id=UUID(int=2), clerk_user_id="user_1", memberships=(), created_at=LATER)
    identity_map = a_directory(paid, account)

    identity_map.name_account(*LINK)

    kept, lost = identity_map.members[account.id], identity_map.members[paid.id]
    assert identity_map.merged == {paid.id: account.id}
    assert kept.memberships == paid.memberships
    assert (kept.email, kept.contact) == ("ada@example.org", paid.contact)
    assert (lost.email, lost.stripe_customer_id, lost.memberships) == (None, None, ())
    assert lost.deleted_at == NOW
    assert identity_map.find("customer", "cus_1").id == account.id


def test_second_contact_of_a_merge_is_retired():
    """Of two contacts one stays; the other's hash is kept until it is archived."""
    one = make_contact(subscriber_hash="aaa")
    other = make_contact(subscriber_hash="bbb", retired=("ccc",))
    account = make_member(clerk_user_id="user_1", contact=one)
    paid = make_member(email="b@example.org", stripe_customer_id="cus_1", contact=other)
    identity_map = a_directory(account, paid)

    identity_map.name_account(*LINK)

    assert identity_map.members[account.id].contact.retired == ("bbb", "ccc")


def test_two_accounts_are_never_one():
    """Two living Clerk accounts stay two; the address goes where Clerk says it is now."""
    old = make_member(clerk_user_id="user_1")
    new = make_member(clerk_user_id="user_2", email="new@example.org")
    identity_map = a_directory(old, new)

    identity_map.apply_user(a_user("user_2"), at=NOW)

    assert identity_map.merged == {}
    assert identity_map.members[new.id].email == "ada@example.org"
    assert identity_map.members[old.id].email is None


def test_member_comes_back_with_a_new_account():
    """Her old account is deleted, her new one pays with the same customer: the membership moves."""
    old = make_member(clerk_user_id="user_1", stripe_customer_id="cus_1", deleted_at=NOW)
    identity_map = a_directory(old)
    new_id = identity_map.apply_user(a_user("user_2"), at=LATER)

    identity_map.name_account("cus_1", "user_2")

    assert identity_map.members[new_id].stripe_customer_id == "cus_1"
    assert identity_map.members[new_id].deleted_at is None


def test_second_customer_of_one_person():
    """Who pays under the same address as another customer is still one member, with two memberships."""
    identity_map = a_directory()
    note_customer(identity_map, a_customer())
    note_customer(identity_map, a_customer("cus_2", "ADA@example.org"))

    identity_map.apply_subscription(a_subscription(), at=NOW)
    identity_map.apply_subscription(
        a_subscription(subscription_id="sub_2", customer_id="cus_2"), at=NOW
    )

    [member] = alive(identity_map)
    assert len(member.memberships) == 2
    assert member.stripe_customer_id == "cus_2"  # of the membership that counts


@pytest.mark.parametrize(
    "changes",
    [{"cancel_at_period_end": True}, {"status": SubscriptionStatus.PAUSED}],
    ids=["she leaves", "she pauses"],
)
def test_customer_of_what_counts_is_named_also_where_nothing_is_charged_after_it(changes):
    """Her old membership is over, the one that counts is about to end or rests: the row names its customer."""
    ended = make_membership(status=SubscriptionStatus.CANCELED, customer_id="cus_1", ended_at=NOW)
    member = make_member(stripe_customer_id="cus_1", memberships=(ended,))
    identity_map = a_directory(member)
    identity_map.add({}, {ExternalId("customer", "cus_2"): member.id})

    counts = replace(a_subscription(subscription_id="sub_2", customer_id="cus_2"), **changes)
    identity_map.apply_subscription(counts, at=NOW)

    assert identity_map.members[member.id].stripe_customer_id == "cus_2"


def test_merge_names_the_customer_of_what_counts():
    """Her account has a membership that is over, and what she pays for came under another customer."""
    ended = make_membership(status=SubscriptionStatus.CANCELED, customer_id="cus_1", ended_at=NOW)
    account = make_member(clerk_user_id="user_1", stripe_customer_id="cus_1", memberships=(ended,))
    living = make_membership(subscription_id="sub_2", customer_id="cus_2")
    paid = make_member(
        email="billing@example.org", stripe_customer_id="cus_2", memberships=(living,)
    )
    identity_map = a_directory(account, paid)

    identity_map.name_account("cus_2", "user_1")

    assert identity_map.members[account.id].stripe_customer_id == "cus_2"


STATUSES = ("incomplete", "active", "past_due", "active", "past_due", "canceled")


def test_first_active_moment_stays():
    """When a membership was first active is written once, whatever follows."""
    identity_map = a_directory(member := make_member(stripe_customer_id="cus_1", memberships=()))
    for hour, status in enumerate(STATUSES):
        subscription = a_subscription(SubscriptionStatus(status))
        identity_map.apply_subscription(subscription, at=NOW + timedelta(hours=hour))

    [membership] = identity_map.members[member.id].memberships
    assert membership.first_active_at == NOW + timedelta(hours=1)
    assert membership.status is SubscriptionStatus.CANCELED


def test_subscription_stripe_has_lost_is_ended():
    """What Stripe does not know any more has ended, since we heard so; what is paid for is kept."""
    member = make_member()
    identity_map = a_directory(member)

    identity_map.end_subscription("sub_1", at=LATER)

    [membership] = identity_map.members[member.id].memberships
    assert (membership.status, membership.ended_at) == (SubscriptionStatus.ACTIVE, LATER)
    assert membership.cancel_at == PERIOD_END


@pytest.mark.parametrize(
    "act",
    [
        lambda d: d.apply_user(a_user(deleted=True), at=NOW),
        lambda d: d.apply_customer(a_customer(deleted=True)),
        lambda d: d.apply_subscription(a_subscription(), at=NOW),
        lambda d: d.end_subscription("sub_1", at=NOW),
    ],
    ids=["user", "customer", "subscription", "lost subscription"],
)
def test_no_ghost_is_made_of_what_is_gone(act):
    """An end that comes before the beginning makes nobody."""
    identity_map = a_directory()

    with pytest.raises(MemberUnknownError):
        act(identity_map)

    assert identity_map.members == {}


def test_repeating_changes_nothing():
    """The same states again leave a member exactly as she was."""
    identity_map = a_directory()
    acts = [
        lambda: identity_map.apply_user(a_user(), at=NOW),
        lambda: note_customer(identity_map, a_customer()),
        lambda: identity_map.name_account(*LINK),
        lambda: identity_map.apply_subscription(a_subscription(), at=NOW),
    ]
    for act in acts:
        act()
    once = dict(identity_map.members)

    for act in acts:
        act()

    assert identity_map.members == once
