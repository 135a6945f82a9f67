"""The life of a subscription, from its start to its end; each step is told in order."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.lab.sandbox.stripe import collection, errors, invoices, objects
from include.lab.sandbox.stripe.collection import newest_invoice
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState, changed

OVER = ("canceled", "incomplete_expired")
INCOMPLETE_SECONDS = 23 * 3600
"""How long a first payment may take (docs.stripe.com/billing/subscriptions/overview)."""


def start(  # noqa: PLR0913 - what Stripe's call takes
    state: StripeState,
    customer: Object,
    prices: Sequence[Object],
    *,
    trial_end: int | None = None,
    cancel_at: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Object:
    """Begin a subscription with its first invoice; where the card is declined it stays incomplete."""
    subscription = objects.subscription(customer["id"], prices, state.now(), trial_end)
    subscription["metadata"] = dict(metadata or {})
    if cancel_at is not None:
        subscription.update(ending(state.now(), cancel_at=cancel_at, at_period_end=False))
    if trial_end is None and state.declines(customer["id"]):
        subscription["status"] = "incomplete"
    state.add(subscription)
    lines = invoices.base_lines(subscription)
    invoice = collection.draft(state, subscription, "subscription_create", lines)
    state.tell("customer.subscription.created", subscription)
    collection.collect(state, subscription, invoice)
    return subscription


def renew(state: StripeState, subscription: Object) -> Object:
    """Begin the next period and collect for it; ends a trial. Returns the invoice."""
    refuse_if_over(subscription)
    collection.begin_next_period(state, subscription)
    lines = invoices.base_lines(subscription)
    invoice = collection.draft(state, subscription, "subscription_cycle", lines)
    return collection.collect(state, subscription, invoice)


def fail_payment(state: StripeState, subscription: Object) -> Object:
    """Begin the next period with a card that is declined from now on. Returns the open invoice."""
    state.declining.add(subscription["customer"])
    return renew(state, subscription)


def recover_payment(state: StripeState, subscription: Object) -> Object:
    """Collect the open invoice after all. Returns it."""
    refuse_if_over(subscription)
    return collection.recover(state, subscription)


def change(state: StripeState, subscription: Object, changes: Mapping[str, Any]) -> Object:
    """Change fields of a subscription; tell it if something changed."""
    refuse_if_over(subscription)
    collection.update(state, subscription, dict(changes))
    return subscription


def cancel_at_period_end(state: StripeState, subscription: Object) -> Object:
    """Let a subscription end with its period."""
    end = subscription["items"]["data"][0]["current_period_end"]
    return change(state, subscription, ending(state.now(), cancel_at=end, at_period_end=True))


def give_up_payment(state: StripeState, subscription: Object) -> Object:
    """End a subscription whose payment could not be collected."""
    return cancel(state, subscription, "payment_failed")


def leave_unpaid(state: StripeState, subscription: Object) -> Object:
    """Give up to collect, and let the subscription go on without: how other accounts are set."""
    return change(state, subscription, {"status": "unpaid"})


def cancel_at(state: StripeState, subscription: Object, at: int) -> Object:
    """Let a subscription end at a moment."""
    return change(state, subscription, ending(state.now(), cancel_at=at, at_period_end=False))


def shorten_period(subscription: Object, end: int) -> None:
    """Let the running period end at a moment, as if it had begun earlier; nobody is told."""
    for item in subscription["items"]["data"]:
        item["current_period_end"] = end


def keep(state: StripeState, subscription: Object) -> Object:
    """Take a planned end back."""
    return change(state, subscription, ending(None, cancel_at=None, at_period_end=False))


def ending(asked_at: int | None, *, cancel_at: int | None, at_period_end: bool) -> Object:
    """Return the fields that plan an end, or (with None) take it back."""
    reason = "cancellation_requested" if cancel_at is not None else None
    return {
        "cancel_at": cancel_at,
        "cancel_at_period_end": at_period_end,
        "canceled_at": asked_at,
        "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
    }


def change_price(state: StripeState, subscription: Object, price: Object) -> Object:
    """Move the first item of a subscription to another price, from now on and without proration."""
    item_id = subscription["items"]["data"][0]["id"]
    return change(state, subscription, {"items": items_with(subscription, [(item_id, price)])})


def upgrade(state: StripeState, subscription: Object, prices: Sequence[Object]) -> Object:
    """Move a subscription to other prices and invoice the difference for the rest of the period.

    A price of another interval begins a period of its own, paid in full less what is left of the old one.
    """
    refuse_if_over(subscription)
    now = state.now()
    old = subscription["items"]["data"]
    unused = [invoices.proration(subscription, one, -_rest(one, now), now) for one in old]
    start, end = old[0]["current_period_start"], old[0]["current_period_end"]
    is_other = old[0]["price"]["recurring"]["interval"] != prices[0]["recurring"]["interval"]
    new = [objects.subscription_item(subscription["id"], one, start, end) for one in prices]
    items = {**subscription["items"], "data": new}
    if is_other:
        items = collection.items_from({**subscription, "items": items}, now)
    change(state, subscription, {"items": items})
    lines = (
        invoices.base_lines(subscription)
        if is_other
        else [invoices.proration(subscription, one, _rest(one, now), now) for one in new]
    )
    invoice = collection.draft(state, subscription, "subscription_update", [*unused, *lines])
    return collection.collect(state, subscription, invoice)


def items_with(subscription: Object, items: Sequence[tuple[str | None, Object]]) -> Object:
    """Return a subscription's items, those named by their id at another price; what has no id is added."""
    old = subscription["items"]["data"]
    prices = {item_id: price for item_id, price in items if item_id is not None}
    if unknown := prices.keys() - {item["id"] for item in old}:
        raise errors.no_such_reference("subscription_item", min(unknown), "items[0][id]")
    start, end = old[0]["current_period_start"], old[0]["current_period_end"]
    added = [
        objects.subscription_item(subscription["id"], price, start, end)
        for item_id, price in items
        if item_id is None
    ]
    kept = [_at(item, prices.get(item["id"], item["price"])) for item in old]
    return {**subscription["items"], "data": [*kept, *added]}


def cancel(
    state: StripeState, subscription: Object, reason: str = "cancellation_requested"
) -> Object:
    """End a subscription now."""
    refuse_if_over(subscription)
    collection.end(state, subscription, reason)
    return subscription


def pause(state: StripeState, subscription: Object) -> Object:
    """Pause a subscription, as the end of a trial without a card does."""
    refuse_if_over(subscription)
    before = changed(subscription, {"status": "paused"})
    state.tell("customer.subscription.paused", subscription, before)
    return subscription


def resume(state: StripeState, subscription: Object) -> Object:
    """Let a paused subscription run again, with a period that begins and is paid now."""
    if subscription["status"] != "paused":
        raise errors.not_now("The subscription is not paused")
    items = collection.items_from(subscription, state.now())
    before = changed(subscription, {"status": "active", "items": items})
    lines = invoices.base_lines(subscription)
    invoice = collection.draft(state, subscription, "subscription_update", lines)
    collection.collect(state, subscription, invoice)
    state.tell("customer.subscription.resumed", subscription, before)
    return subscription


def pause_collection(
    state: StripeState, subscription: Object, resumes_at: int | None = None
) -> Object:
    """Collect nothing for a while: the status stays as it is, and invoices are voided."""
    pause = {"behavior": "void", "resumes_at": resumes_at}
    return change(state, subscription, {"pause_collection": pause})


def resume_collection(state: StripeState, subscription: Object) -> Object:
    """Collect again, from the next period on."""
    return change(state, subscription, {"pause_collection": None})


def next_due(state: StripeState) -> int | None:
    """Return when something falls due next, None where nothing does."""
    living = (s for s in state.kinds["subscription"].values() if s["status"] not in OVER)
    return min((due for one in living for due in _dues(state, one)), default=None)


def settle(state: StripeState) -> None:
    """Do what has fallen due: planned ends, periods, trials and pauses that are over, second attempts."""
    now = state.now()
    for subscription in list(state.kinds["subscription"].values()):
        if subscription["status"] not in OVER and any(
            due <= now for due in _dues(state, subscription)
        ):
            _settle(state, subscription, now)


def refuse_if_over(subscription: Object) -> None:
    """Refuse to touch a subscription that has ended: Stripe knows it no more for changes."""
    if subscription["status"] in OVER:
        raise errors.no_such("subscription", subscription["id"])


def _dues(state: StripeState, subscription: Object) -> list[int]:
    """Return when something of a subscription falls due by itself."""
    pause = subscription["pause_collection"]
    dues = [subscription["cancel_at"], pause and pause["resumes_at"]]
    if subscription["status"] == "incomplete":
        dues.append(subscription["created"] + INCOMPLETE_SECONDS)
    elif subscription["status"] != "paused":
        dues.append(subscription["items"]["data"][0]["current_period_end"])
    if subscription["status"] == "past_due" and state.around.switches.stripe_dunning != "none":
        dues.append(newest_invoice(state, subscription)["next_payment_attempt"])
    return [due for due in dues if due is not None]


def _settle(state: StripeState, subscription: Object, now: int) -> None:
    pause, end = subscription["pause_collection"], subscription["cancel_at"]
    if end is not None and end <= now:
        cancel(state, subscription)
    elif subscription["status"] == "incomplete":
        _expire(state, subscription)
    elif pause and pause["resumes_at"] is not None and pause["resumes_at"] <= now:
        resume_collection(state, subscription)
    elif (
        subscription["status"] != "paused"
        and subscription["items"]["data"][0]["current_period_end"] <= now
    ):
        renew(state, subscription)
    else:
        collection.try_again(state, subscription)


def _expire(state: StripeState, subscription: Object) -> None:
    """Give up a subscription whose first payment never came."""
    collection.void(state, newest_invoice(state, subscription))
    change(state, subscription, {"status": "incomplete_expired", "ended_at": state.now()})


def _at(item: Object, price: Object) -> Object:
    return {**item, "price": price, "plan": objects.plan(price)}


def _rest(item: Object, now: int) -> int:
    """Return what the rest of an item's period costs."""
    start, end = item["current_period_start"], item["current_period_end"]
    cents: int = item["price"]["unit_amount"]
    return round(cents * float(max(end - now, 0) / (end - start)))
