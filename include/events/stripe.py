"""How Stripe's objects are read, in both shapes that accounts send.

What moved between API 2023-08-16 and 2026-10-28.endive is read in the new place first: the period is
on each subscription item, an invoice's subscription under `parent.subscription_details`
(docs.stripe.com/changelog/basil). The endpoint's version decides which one comes, not the package.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from include.errors import PayloadError
from include.events.stripe_objects import (
    Charge,
    Checkout,
    CustomerSnapshot,
    Invoice,
    MoneyMoved,
    PaidPeriod,
    SubscriptionItem,
    SubscriptionSnapshot,
    SubscriptionStatus,
)
from include.events.values import address_from, name_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.events.reading import Node
    from include.events.stripe_objects import StripeSubject

UNPAID = ("payment_failed", "payment_disputed")  # reasons of a cancellation

OWED = ("open", "uncollectible")  # of an invoice

MAX_TIER = 50  # Mailchimp takes 100 characters in a tag's name

FIRST_DAY = timedelta(days=1)
WITH_THE_BEGINNING = timedelta(minutes=1)
"""How soon after its beginning an end is set that was agreed with it; the beginning itself may be backdated."""


def subscription_from(node: Node) -> SubscriptionSnapshot:
    """Read a subscription."""
    items = node.node("items").nodes("data")
    status, invoice = _status_from(node), _latest_invoice(node)
    period_end = _period_end_from(node, items)
    return SubscriptionSnapshot(
        id=node.text("id"),
        customer_id=_required_customer(node),
        status=status,
        items=tuple(map(_item_from, items or [node])),  # before it had items it had a plan
        has_more_items=node.node("items").flag("has_more"),
        current_period_end=period_end,
        started_at=_optional_instant(node, "start_date"),
        cancel_at=node.instant("cancel_at"),
        cancel_at_period_end=node.flag("cancel_at_period_end"),
        ended_at=node.instant("ended_at"),
        was_unpaid=_was_unpaid(node, invoice),
        was_never_paid=_was_never_paid(node, status, invoice),
        is_collection_paused=node.values.get("pause_collection") is not None,
        is_fixed_term=_is_fixed_term(node, period_end),
        unpaid_since=due_since(invoice) if invoice else None,
        metadata=_metadata_from(node),
    )


def customer_from(node: Node) -> CustomerSnapshot:
    """Read a customer; Stripe keeps the id of a deleted one and says so."""
    return CustomerSnapshot(
        id=node.text("id"),
        email=address_from(node.optional_text("email")),
        name=name_from(node.optional_text("name")),
        deleted=node.flag("deleted"),
        created_at=_optional_instant(node, "created"),
        metadata=_metadata_from(node),
    )


def account_from(node: Node) -> CustomerSnapshot:
    """Read an account of Accounts v2 as the customer that it is."""
    return CustomerSnapshot(
        id=node.text("id"),
        email=address_from(node.optional_text("contact_email")),
        name=name_from(node.optional_text("display_name")),
        deleted=node.flag("closed"),
        created_at=node.iso_instant("created"),
        metadata=_metadata_from(node),
    )


def deleted_customer_from(node: Node) -> CustomerSnapshot:
    """Read the customer of `customer.deleted`, which still carries its data."""
    return CustomerSnapshot(id=node.text("id"), email=None, name="", deleted=True)


def checkout_from(node: Node) -> Checkout:
    """Read a checkout session."""
    return Checkout(
        customer_id=customer_of(node),
        subscription_id=node.reference("subscription"),
        client_reference_id=node.optional_text("client_reference_id"),
        metadata=_metadata_from(node),
    )


def invoice_from(node: Node) -> Invoice:
    """Read an invoice."""
    details = node.node("parent").node("subscription_details")
    return Invoice(
        id=node.optional_text("id") or "",
        customer_id=customer_of(node),
        subscription_id=details.reference("subscription") or node.reference("subscription"),
    )


def charge_from(node: Node) -> Charge:
    """Read a charge."""
    references = (node.text("id"), node.reference("payment_intent"), node.reference("invoice"))
    return Charge(
        id=node.text("id"),
        customer_id=customer_of(node),
        payment_ids=frozenset(filter(None, references)),
        is_full=node.flag("refunded"),
        refunded_cents=node.number("amount_refunded"),
        is_disputed=node.flag("disputed"),
    )


def money_moved_from(node: Node) -> MoneyMoved:
    """Read a charge that was paid back, a refund, or a dispute."""
    if node.optional_text("object") == "charge":
        return MoneyMoved(charge_id=node.text("id"))
    has_failed = node.optional_text("status") == "failed"
    return MoneyMoved(charge_id=node.reference("charge"), has_failed=has_failed)


def paid_period_from(node: Node) -> PaidPeriod | None:
    """Read what an invoice (with its payments) was paid for; None where that is no subscription.

    The lines of a difference (proration) end with the period, too, and pay for no part of it alone.
    """
    subscription_id = invoice_from(node).subscription_id
    lines = node.node("lines").nodes("data")
    base = [line for line in lines if _is_base(line)]
    ends = [end for line in base or lines if (end := line.node("period").instant("end"))]
    if subscription_id is None or not ends:
        return None
    paid_by = [payment.node("payment") for payment in node.node("payments").nodes("data")]
    references = [one.reference(kind) for one in paid_by for kind in ("payment_intent", "charge")]
    return PaidPeriod(
        subscription_id=subscription_id,
        paid_until=max(ends),
        payment_ids=frozenset(filter(None, [node.text("id"), *references])),
        is_base=bool(base),
    )


def _is_base(line: Node) -> bool:
    """Tell whether a line is the price of a whole period."""
    if line.number("amount") <= 0 or line.flag("proration"):
        return False
    details = line.node("parent").node("subscription_item_details")
    is_of_item = bool(details.values) or line.optional_text("type") == "subscription"
    return is_of_item and not details.flag("proration")


PARSERS: dict[str, Callable[[Node], StripeSubject]] = {
    "charge.dispute.closed": money_moved_from,
    "charge.dispute.created": money_moved_from,
    "charge.refunded": money_moved_from,
    "checkout.session.completed": checkout_from,
    "checkout.session.expired": checkout_from,
    "customer.created": customer_from,
    "customer.updated": customer_from,
    "customer.deleted": deleted_customer_from,
    "customer.subscription.created": subscription_from,
    "customer.subscription.updated": subscription_from,
    "customer.subscription.deleted": subscription_from,
    "customer.subscription.paused": subscription_from,
    "customer.subscription.resumed": subscription_from,
    "customer.subscription.trial_will_end": subscription_from,
    "invoice.created": invoice_from,
    "invoice.finalized": invoice_from,
    "invoice.marked_uncollectible": invoice_from,
    "invoice.paid": invoice_from,
    "invoice.payment_action_required": invoice_from,
    "invoice.payment_failed": invoice_from,
    "invoice.payment_succeeded": invoice_from,
    "invoice.upcoming": invoice_from,
    "invoice.voided": invoice_from,
    "refund.failed": money_moved_from,
    "refund.updated": money_moved_from,
}


def _status_from(node: Node) -> SubscriptionStatus:
    try:
        return SubscriptionStatus(node.text("status"))
    except ValueError:
        raise node.error("status", "is a status we do not know") from None


def _period_end_from(node: Node, items: list[Node]) -> datetime | None:
    """Return when all of it is paid until: items may differ, the latest one counts.

    None where that cannot be read: an end without a date waits for a person, an unreadable event would too.
    """
    try:
        ends = [end for item in items if (end := item.instant("current_period_end"))]
        return max(ends) if ends else node.instant("current_period_end")
    except PayloadError:
        return None


def _item_from(item: Node) -> SubscriptionItem:
    """Read what an item sells: a price, or in old API versions only the plan that it was before."""
    price = item.node("price" if item.values.get("price") is not None else "plan")
    return SubscriptionItem(
        price_id=price.optional_text("id") or None,
        product_id=price.reference("product"),
        lookup_key=price.optional_text("lookup_key") or None,
        tier=_tier_from(price),
    )


def _tier_from(price: Node) -> str:
    """Return the tier a price stands for: its own word, its product's, else how it is called."""
    product = price.values.get("product")
    of_product = price.node("product").node("metadata") if isinstance(product, dict) else None
    tier = (
        price.node("metadata").optional_text("tier")
        or (of_product.optional_text("tier") if of_product else None)
        or price.optional_text("lookup_key")
        or price.optional_text("nickname")
        or ""
    )
    return tier.strip().lower()[:MAX_TIER]


def _latest_invoice(node: Node) -> Node | None:
    """Return the newest invoice, where it was asked for; events have only its id."""
    is_there = isinstance(node.values.get("latest_invoice"), dict)
    return node.node("latest_invoice") if is_there else None


def _was_never_paid(node: Node, status: SubscriptionStatus, invoice: Node | None) -> bool:
    """Tell whether a subscription never began: its first payment failed, or was given up."""
    if status in (SubscriptionStatus.INCOMPLETE, SubscriptionStatus.INCOMPLETE_EXPIRED):
        return True
    return (
        status is SubscriptionStatus.CANCELED
        and node.values.get("trial_start") is None
        and invoice is not None
        and invoice.optional_text("billing_reason") == "subscription_create"
        and invoice.optional_text("status") != "paid"
    )


def _was_unpaid(node: Node, invoice: Node | None) -> bool:
    """Tell whether an ended subscription was owed for: by Stripe's reason, or by its newest invoice."""
    if node.node("cancellation_details").optional_text("reason") in UNPAID:
        return True
    return invoice is not None and invoice.optional_text("status") in OWED


def _is_fixed_term(node: Node, period_end: datetime | None) -> bool:
    """Tell whether an end was agreed when it began: with the beginning, or on the first day for a later period."""
    ends_at, asked_at = node.instant("cancel_at"), _optional_instant(node, "canceled_at")
    if ends_at is None or node.flag("cancel_at_period_end"):
        return False
    began = [at for name in ("start_date", "created") if (at := _optional_instant(node, name))]
    is_later = period_end is not None and ends_at > period_end
    latest = FIRST_DAY if is_later else WITH_THE_BEGINNING
    return asked_at is None or any(abs(asked_at - at) <= latest for at in began)


def due_since(invoice: Node) -> datetime | None:
    """Return since when an open invoice has waited for its money: one that was sent is owed from its due date on."""
    if invoice.optional_text("status") not in OWED:
        return None
    finalized = _optional_instant(invoice.node("status_transitions"), "finalized_at")
    due_at = _optional_instant(invoice, "due_date")
    return due_at or finalized or _optional_instant(invoice, "created")


def _optional_instant(node: Node, name: str) -> datetime | None:
    """Return a time that nothing hangs on alone; None where it cannot be read."""
    try:
        return node.instant(name)
    except PayloadError:
        return None


def _metadata_from(node: Node) -> dict[str, str]:
    """Return the metadata's texts."""
    values = node.node("metadata").values
    return {key: text for key, text in values.items() if isinstance(text, str) and text}


def customer_of(node: Node) -> str | None:
    """Return who pays: a customer, or under Accounts v2 an account (docs.stripe.com/connect/accounts-v2)."""
    return node.reference("customer") or node.reference("customer_account")


def _required_customer(node: Node) -> str:
    customer_id = customer_of(node)
    if customer_id is None:
        raise node.error("customer", "is missing or empty")
    return customer_id
