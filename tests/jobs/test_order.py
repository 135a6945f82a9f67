"""State over order: whatever comes first, late or twice, the end is what the vendors say."""

from datetime import timedelta
from itertools import permutations

import pytest

from include.events import SubscriptionStatus
from include.store.inbox import InboxState
from tests import factories
from tests.factories import NEW_SHAPE, NOW, OLD_SHAPE

ORDERS = list(permutations(range(3)))


@pytest.fixture
def life(world):
    """Give a membership's created, updated and deleted, as Stripe told them; it is over at Stripe."""
    world.join(via="stripe_first")
    world.act("cancel_at_period_end", email="ada@example.org")
    world.act("payment_given_up", email="ada@example.org")
    kinds = [f"customer.subscription.{kind}" for kind in ("created", "updated", "deleted")]
    return [next(e for e in world.events() if e["type"] == kind) for kind in kinds]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("apart", [0, 5], ids=["at one second", "seconds apart"])
def test_membership_ends_the_same_in_every_order(world, life, order, apart):
    """Created, updated, deleted in all six orders, dated apart or to the same second."""
    for number in order:
        event = life[number]
        payload = {**event["payload"], "created": event["payload"]["created"] + apart * number}
        world.run({**event, "payload": payload})

    [membership] = world.member().memberships
    assert membership.status is SubscriptionStatus.CANCELED
    contact = world.contact()
    assert (contact["status"], contact["tags"]) == ("unsubscribed", {"alumni"})
    assert len(world.welcomes()) <= 1


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_account_ends_the_same_in_every_order(world, order):
    """Clerk's created, updated, deleted in all six orders: nobody is left."""
    world.join()
    world.act("update_member", email="ada@example.org", first_name="Augusta")
    world.act("delete_user", email="ada@example.org")
    kinds = ("user.created", "user.updated", "user.deleted")
    life = [next(e for e in world.events() if e["type"] == kind) for kind in kinds]

    for number in order:
        world.run(life[number])

    assert world.members() == []


def test_shuffled_life_ends_like_the_vendors(world):
    """A whole life, each event a run of its own, backwards: what is left is what the vendors have."""
    world.join()
    world.act("update_member", email="ada@example.org", tier="leader", first_name="Augusta")
    world.act("payment_failed", email="ada@example.org")

    for event in reversed(world.events()):
        world.run(event)

    contact = world.contact()
    assert contact["tags"] == {"past_due", "leader"}
    assert contact["FNAME"] == "Augusta"


def test_older_state_is_superseded(world):
    """What something newer has overtaken changes nothing, and ends as superseded."""
    joined = world.join()
    first = next(e for e in joined if e["type"] == "customer.subscription.created")
    world.run(*[event for event in joined if event is not first])
    calls = world.sandbox.count("mailchimp")

    late = {**first["payload"], "created": first["payload"]["created"] - 60}
    run = world.run({**first, "payload": late})

    assert world.states(run) == {InboxState.SUPERSEDED}
    assert world.sandbox.count("mailchimp") == calls


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_both_shapes_of_stripe_lead_to_the_same(world, shape):
    """An account that still sends the old shape has the same members."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_shape": shape})
    try:
        world.run(*world.join())
    finally:
        world.sandbox.ask("PATCH", "settings", json={"stripe_shape": NEW_SHAPE})

    [membership] = world.member().memberships
    assert membership.current_period_end is not None
    assert world.contact()["tags"] == {"active", "pro"}


def test_events_of_one_run_collapse(world):
    """Twenty changes of one member in one run are one upsert: state counts, not history."""
    joined = world.join()
    world.run(*joined)
    [membership] = world.member().memberships
    customer = world.member().stripe_customer_id
    before = world.sandbox.count("mailchimp", "PUT")
    now = world.clock.now() + timedelta(minutes=1)
    changes = [
        factories.stripe_event(
            "customer.subscription.updated",
            factories.subscription(
                membership.subscription_id, customer, tier=("pro", "leader")[number % 2]
            ),
            at=now + timedelta(seconds=number),
        )
        for number in range(20)
    ]

    run = world.run(*changes)

    assert world.sandbox.count("mailchimp", "PUT") == before + 1
    assert world.contact()["TIER"] == "leader"
    assert world.states(run) == {InboxState.PROCESSED}


def test_vendor_is_not_asked_where_the_event_is_enough(world):
    """A newer state of a known member is applied as it came: no call to Stripe."""
    world.run(*world.join())
    member = world.member()
    subject = factories.subscription(
        member.memberships[0].subscription_id, member.stripe_customer_id, tier="leader"
    )
    at = world.clock.now() + timedelta(minutes=1)
    calls = world.sandbox.count("stripe")

    world.run(factories.stripe_event("customer.subscription.updated", subject, at=at))

    assert world.sandbox.count("stripe") == calls
    assert world.contact()["TIER"] == "leader"


def test_event_of_long_ago_does_not_rule(world):
    """An event that says other than the vendor does, and is older than what is known, changes nothing."""
    world.run(*world.join())
    member = world.member()
    lie = factories.subscription(
        member.memberships[0].subscription_id, member.stripe_customer_id, status="canceled"
    )

    world.run(factories.stripe_event("customer.subscription.deleted", lie, at=NOW))

    assert world.contact()["tags"] == {"active", "pro"}
