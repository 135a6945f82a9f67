"""The life of a subscription, from its start to its end; each step is told in order."""

from collections.abc import Mapping
from typing import Any

from include.lab.sandbox.stripe import errors, invoices, objects
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState, changed

OVER = ("canceled", "incomplete_expired")


def start(
    state: StripeState,
    customer: Object,
    price: Object,
    *,
    trial_end: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Object:
    """Begin a subscription with its first invoice, paid at once."""
    subscription = objects.subscription(customer["id"], price, state.now(), trial_end)
    subscription["metadata"] = dict(metadata or {})
    state.add(subscription)
    invoice = _draft(state, subscription, "subscription_create")
    state.tell("customer.subscription.created", subscription)
    _issue(state, invoice)
    _pay(state, invoice)
    return subscription


def renew(state: StripeState, subscription: Object) -> Object:
    """Begin the next period and pay for it; ends a trial. Returns the invoice."""
    _begin_next_period(state, subscription)
    invoice = _draft(state, subscription, "subscription_cycle")
    _issue(state, invoice)
    _pay(state, invoice)
    return invoice


def fail_payment(state: StripeState, subscription: Object) -> Object:
    """Begin the next period and fail to collect for it. Returns the open invoice."""
    _begin_next_period(state, subscription)
    invoice = _draft(state, subscription, "subscription_cycle")
    _issue(state, invoice)
    invoice.update(
        attempted=True,
        attempt_count=invoice["attempt_count"] + 1,
        next_payment_attempt=state.now() + 3 * invoices.DAY_SECONDS,
    )
    state.tell("invoice.payment_failed", invoice)
    change(state, subscription, {"status": "past_due"})
    return invoice


def recover_payment(state: StripeState, subscription: Object) -> Object:
    """Collect the open invoice after all. Returns it."""
    invoice = state.get("invoice", str(subscription["latest_invoice"]))
    if invoice["status"] != "open":
        raise errors.not_now("Invoice is already paid")
    _pay(state, invoice)
    change(state, subscription, {"status": "active"})
    return invoice


def change(state: StripeState, subscription: Object, changes: Mapping[str, Any]) -> Object:
    """Change fields of a subscription; tell it if something changed."""
    refuse_if_over(subscription)
    before = changed(subscription, changes)
    if before:
        state.tell("customer.subscription.updated", subscription, before)
    return subscription


def cancel_at_period_end(state: StripeState, subscription: Object) -> Object:
    """Let a subscription end with its period."""
    end = subscription["items"]["data"][0]["current_period_end"]
    return change(state, subscription, ending(state.now(), cancel_at=end, at_period_end=True))


def give_up_payment(state: StripeState, subscription: Object) -> Object:
    """End a subscription whose payment could not be collected."""
    return cancel(state, subscription, "payment_failed")


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
    """Move a subscription to another price, from now on and without proration."""
    return change(state, subscription, {"items": items_at(subscription, price)})


def items_at(subscription: Object, price: Object) -> Object:
    """Return a subscription's items with another price."""
    item = subscription["items"]["data"][0]
    new_item = {**item, "price": price, "plan": objects.plan(price)}
    return {**subscription["items"], "data": [new_item]}


def cancel(
    state: StripeState, subscription: Object, reason: str = "cancellation_requested"
) -> Object:
    """End a subscription now."""
    refuse_if_over(subscription)
    now = state.now()
    subscription.update(
        status="canceled",
        canceled_at=subscription["canceled_at"] or now,
        ended_at=now,
        cancellation_details={"comment": None, "feedback": None, "reason": reason},
    )
    state.tell("customer.subscription.deleted", subscription)
    return subscription


def pause(state: StripeState, subscription: Object) -> Object:
    """Pause a subscription, as the end of a trial without a card does."""
    refuse_if_over(subscription)
    before = changed(subscription, {"status": "paused"})
    state.tell("customer.subscription.paused", subscription, before)
    return subscription


def resume(state: StripeState, subscription: Object) -> Object:
    """Let a paused subscription run again."""
    if subscription["status"] != "paused":
        raise errors.not_now("The subscription is not paused")
    before = changed(subscription, {"status": "active"})
    state.tell("customer.subscription.resumed", subscription, before)
    return subscription


def settle(state: StripeState) -> None:
    """Do what has fallen due: planned ends, periods that are over, trials that are over."""
    now = state.now()
    for subscription in list(state.kinds["subscription"].values()):
        if subscription["status"] in OVER:
            continue
        if (end := subscription["cancel_at"]) is not None and end <= now:
            cancel(state, subscription)
        elif subscription["items"]["data"][0]["current_period_end"] <= now:
            renew(state, subscription)


def refuse_if_over(subscription: Object) -> None:
    """Refuse to touch a subscription that has ended: Stripe knows it no more for changes."""
    if subscription["status"] in OVER:
        raise errors.no_such("subscription", subscription["id"])


def _begin_next_period(state: StripeState, subscription: Object) -> None:
    item = subscription["items"]["data"][0]
    begin = item["current_period_end"]
    end = objects.later(begin, item["price"]["recurring"]["interval"])
    next_item = {**item, "current_period_start": begin, "current_period_end": end}
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    items = {**subscription["items"], "data": [next_item]}
    change(state, subscription, {"items": items, "status": status})


def _draft(state: StripeState, subscription: Object, reason: str) -> Object:
    customer = state.get("customer", subscription["customer"])
    invoice = state.add(invoices.invoice(subscription, customer, reason, state.now()))
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def _issue(state: StripeState, invoice: Object) -> None:
    state.tell("invoice.created", invoice)
    transitions = {**invoice["status_transitions"], "finalized_at": state.now()}
    invoice.update(status="open", number=invoice["id"][-8:].upper(), status_transitions=transitions)
    state.tell("invoice.finalized", invoice)


def _pay(state: StripeState, invoice: Object) -> None:
    transitions = {**invoice["status_transitions"], "paid_at": state.now()}
    invoice.update(
        status="paid",
        attempted=True,
        attempt_count=invoice["attempt_count"] + 1,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions=transitions,
    )
    state.tell("invoice.paid", invoice)
    state.tell("invoice.payment_succeeded", invoice)
