"""How a subscription's money is collected: invoices issued, paid, declined, tried again, given up."""

from include.lab.sandbox.stripe import errors, invoices, objects
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.state import StripeState, changed

RETRY_DAYS = (3, 5, 7)
"""After how many days each a declined card is tried again, as an account's dunning may be set."""


def draft(state: StripeState, subscription: Object, reason: str, lines: list[Object]) -> Object:
    """Make the newest invoice of a subscription; nobody has been told of it."""
    customer = state.get("customer", subscription["customer"])
    invoice = state.add(invoices.invoice(subscription, customer, reason, state.now(), lines))
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def collect(state: StripeState, subscription: Object, invoice: Object) -> Object:
    """Issue an invoice and have it paid, if the card is not declined. Returns it.

    Nothing is collected from an unpaid subscription, or while its collection is paused.
    """
    if subscription["status"] == "unpaid":
        state.tell("invoice.created", invoice)
        return invoice
    issue(state, invoice)
    if subscription["pause_collection"] is not None:
        _close(state, invoice, subscription["pause_collection"]["behavior"])
    elif invoice["amount_due"] and state.declines(subscription["customer"]):
        decline(state, invoice)
        _fall_behind(state, subscription)
    else:
        pay(state, invoice)
        _catch_up(state, subscription)
    return invoice


def issue(state: StripeState, invoice: Object) -> None:
    """Finalize an invoice: from now on it is to be paid."""
    state.tell("invoice.created", invoice)
    transitions = {**invoice["status_transitions"], "finalized_at": state.now()}
    invoice.update(status="open", number=invoice["id"][-8:].upper(), status_transitions=transitions)
    state.tell("invoice.finalized", invoice)


def pay(state: StripeState, invoice: Object) -> None:
    """Take the money."""
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


def decline(state: StripeState, invoice: Object) -> None:
    """Fail to take the money; the next attempt is in some days, as long as there is one."""
    attempt = invoice["attempt_count"] + 1
    days = RETRY_DAYS[attempt - 1] if attempt <= len(RETRY_DAYS) else None
    invoice.update(
        attempted=True,
        attempt_count=attempt,
        next_payment_attempt=state.now() + days * invoices.DAY_SECONDS if days else None,
    )
    state.tell("invoice.payment_failed", invoice)


def try_again(state: StripeState, subscription: Object) -> None:
    """Try a declined card again; after the last attempt do what the account's settings say."""
    invoice = newest_invoice(state, subscription)
    if not state.declines(subscription["customer"]):
        pay(state, invoice)
        _catch_up(state, subscription)
        return
    decline(state, invoice)
    if invoice["next_payment_attempt"] is None:
        _give_up(state, subscription)


def newest_invoice(state: StripeState, subscription: Object) -> Object:
    """Return the newest invoice of a subscription."""
    return state.get("invoice", str(subscription["latest_invoice"]))


def recover(state: StripeState, subscription: Object) -> Object:
    """Collect the open invoice after all, with a card that works. Returns it."""
    invoice = newest_invoice(state, subscription)
    if invoice["status"] != "open":
        raise errors.not_now("Invoice is already paid")
    state.declining.discard(subscription["customer"])
    pay(state, invoice)
    _catch_up(state, subscription)
    return invoice


def void(state: StripeState, invoice: Object) -> None:
    """Let an invoice be owed no more."""
    transitions = {**invoice["status_transitions"], "voided_at": state.now()}
    invoice.update(
        status="void",
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions=transitions,
    )
    state.tell("invoice.voided", invoice)


def begin_next_period(state: StripeState, subscription: Object) -> None:
    """Let the next period begin where this one ends; a trial is over with it."""
    begin = subscription["items"]["data"][0]["current_period_end"]
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    update(state, subscription, {"items": items_from(subscription, begin), "status": status})


def items_from(subscription: Object, begin: int) -> Object:
    """Return a subscription's items with a whole period that begins then."""
    items = [
        {
            **item,
            "current_period_start": begin,
            "current_period_end": objects.later(begin, item["price"]["recurring"]["interval"]),
        }
        for item in subscription["items"]["data"]
    ]
    return {**subscription["items"], "data": items}


def update(state: StripeState, subscription: Object, changes: Object) -> None:
    """Change fields of a subscription; tell it if something changed."""
    before = changed(subscription, changes)
    if before:
        state.tell("customer.subscription.updated", subscription, before)


def _close(state: StripeState, invoice: Object, behavior: str) -> None:
    """Do with an invoice what a pause of the collection says."""
    if behavior == "void":
        void(state, invoice)
    elif behavior == "mark_uncollectible":
        transitions = {**invoice["status_transitions"], "marked_uncollectible_at": state.now()}
        invoice.update(status="uncollectible", status_transitions=transitions)
        state.tell("invoice.marked_uncollectible", invoice)


def _fall_behind(state: StripeState, subscription: Object) -> None:
    if subscription["status"] != "incomplete":
        update(state, subscription, {"status": "past_due"})


def _catch_up(state: StripeState, subscription: Object) -> None:
    if subscription["status"] in ("past_due", "incomplete", "unpaid"):
        update(state, subscription, {"status": "active"})


def _give_up(state: StripeState, subscription: Object) -> None:
    settings = state.around.switches.stripe_dunning
    if settings == "cancel":
        end(state, subscription, "payment_failed")
    elif settings == "unpaid":
        update(state, subscription, {"status": "unpaid"})


def end(state: StripeState, subscription: Object, reason: str) -> None:
    """End a subscription now."""
    now = state.now()
    subscription.update(
        status="canceled",
        canceled_at=subscription["canceled_at"] or now,
        ended_at=now,
        cancellation_details={"comment": None, "feedback": None, "reason": reason},
    )
    state.tell("customer.subscription.deleted", subscription)
