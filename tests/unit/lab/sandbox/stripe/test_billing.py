"""The life of a subscription, and its objects."""

from datetime import UTC, datetime

import pytest

from include.lab.sandbox.stripe import billing, customers, shapes
from include.lab.sandbox.stripe.objects import later
from include.lab.sandbox.wire import Refusal

MONTH = 31 * 86_400


def moment(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp())


@pytest.fixture
def subscription(stripe_state):
    customer = customers.create(stripe_state, {"email": "ada@example.org"})
    return billing.start(stripe_state, customer, [stripe_state.price_of_tier("pro")])


@pytest.mark.parametrize(
    ("start", "interval", "end"),
    [
        ((2026, 1, 31, 12), "month", (2026, 2, 28, 12)),
        ((2028, 1, 31), "month", (2028, 2, 29)),
        ((2026, 12, 15), "month", (2027, 1, 15)),
        ((2026, 11, 30), "month", (2026, 12, 30)),
        ((2028, 2, 29), "year", (2029, 2, 28)),
    ],
)
def test_period_ends_on_the_same_day(start, interval, end):
    """A month later is the same day, or the last one of a shorter month."""
    assert later(moment(*start), interval) == moment(*end)


def test_renewal_begins_where_the_last_period_ended(stripe_state, subscription):
    """Periods join without a gap, and each has its invoice."""
    first_end = subscription["items"]["data"][0]["current_period_end"]

    invoice = billing.renew(stripe_state, subscription)

    item = subscription["items"]["data"][0]
    assert item["current_period_start"] == first_end < item["current_period_end"]
    assert (invoice["period_start"], invoice["status"]) == (first_end, "paid")
    assert subscription["latest_invoice"] == invoice["id"]


def test_time_ends_what_was_planned_to_end(world, stripe_state, subscription):
    """When the clock passes `cancel_at` the subscription ends; without one it renews."""
    other = billing.start(
        stripe_state,
        stripe_state.get("customer", subscription["customer"]),
        [stripe_state.price_of_tier("pro")],
    )
    billing.cancel_at_period_end(stripe_state, subscription)
    world.clock.offset_seconds = MONTH

    billing.settle(stripe_state)
    billing.settle(stripe_state)

    assert (subscription["status"], other["status"]) == ("canceled", "active")
    told = [event.type for event in world.outbox]
    assert told.count("customer.subscription.deleted") == 1


def test_trial_becomes_active_when_it_is_over(world, stripe_state):
    """A trial's end is a renewal: active, with the first invoice over money."""
    customer = customers.create(stripe_state, {"email": "ada@example.org"})
    price = stripe_state.price_of_tier("leader")
    trial = billing.start(stripe_state, customer, [price], trial_end=stripe_state.now() + 60)
    world.clock.offset_seconds = 61

    billing.settle(stripe_state)

    invoice = stripe_state.get("invoice", trial["latest_invoice"])
    assert (trial["status"], invoice["amount_paid"]) == ("active", 6000)


@pytest.mark.parametrize(
    "act", [billing.cancel, billing.pause, billing.renew, billing.cancel_at_period_end]
)
def test_ended_subscription_refuses_everything(stripe_state, subscription, act):
    """What has ended is not there for changes any more."""
    billing.cancel(stripe_state, subscription)

    with pytest.raises(Refusal):
        act(stripe_state, subscription)


def test_only_an_open_invoice_is_recovered(stripe_state, subscription):
    """There is nothing to recover where the last payment went through."""
    with pytest.raises(Refusal):
        billing.recover_payment(stripe_state, subscription)


def test_change_of_nothing_is_not_told(world, stripe_state, subscription):
    """An update that changes nothing makes no event."""
    mark = len(world.outbox)

    billing.change(stripe_state, subscription, {"status": "active"})

    assert world.outbox.since(mark) == []


def test_old_shape_is_rendered_without_touching_the_new(stripe_state, subscription):
    """Rendering makes another object; the one that is kept stays as it is."""
    old = stripe_state.rendered(subscription, shapes.OLD)

    item = subscription["items"]["data"][0]
    assert old["current_period_end"] == item["current_period_end"]
    assert "current_period_end" not in old["items"]["data"][0]
    assert "current_period_end" not in subscription
    assert stripe_state.rendered(subscription, shapes.NEW) is subscription
