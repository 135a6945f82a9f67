"""Stripe's objects, in both shapes that accounts send.

What moved between API 2023-08-16 and 2026-10-28.endive is read in the new place first: the period is
on each subscription item, an invoice's subscription under `parent.subscription_details`
(docs.stripe.com/changelog/basil). The endpoint's version decides which one comes, not the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from include.errors import PayloadError
from include.events.values import address_from, name_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.events.reading import Node

UNPAID = ("payment_failed", "payment_disputed")  # reasons of a cancellation

LONGEST_TIER = 50  # Mailchimp takes 100 characters in a tag's name


class SubscriptionStatus(StrEnum):
    """All states of a subscription (docs.stripe.com/api/subscriptions/object)."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Tell whether the subscription can never change again."""
        return self in (SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionSnapshot:
    """A subscription as it was at one moment."""

    id: str
    customer_id: str
    status: SubscriptionStatus
    tier: str
    current_period_end: datetime | None
    cancel_at: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    was_unpaid: bool = False  # Stripe has ended it because nobody paid, or the payment is disputed


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerSnapshot:
    """A customer as it was at one moment; a deleted one has no data any more."""

    id: str
    email: str | None
    name: str
    deleted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """A checkout session: it names the subscription, whose state is read from Stripe."""

    customer_id: str | None
    subscription_id: str | None
    clerk_user_id: str | None  # what we gave Stripe as `client_reference_id`


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoice:
    """An invoice: it names the subscription, whose state is read from Stripe."""

    customer_id: str | None
    subscription_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidPeriod:
    """What an invoice was paid for: a subscription, until then; and by what it was paid."""

    subscription_id: str
    paid_until: datetime
    payment_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundedCharge:
    """A charge that was paid back, all of it or a part; which period it had paid for is read from Stripe."""

    customer_id: str | None
    payment_ids: frozenset[str]  # the charge's own id, its payment intent's, its invoice's
    is_full: bool


StripeSubject = SubscriptionSnapshot | CustomerSnapshot | Checkout | Invoice | RefundedCharge


def subscription_from(node: Node) -> SubscriptionSnapshot:
    """Read a subscription."""
    items = node.node("items").nodes("data")
    return SubscriptionSnapshot(
        id=node.text("id"),
        customer_id=_required_reference(node, "customer"),
        status=_status_from(node),
        tier=_tier_from(items[0]) if items else "",
        current_period_end=_period_end_from(node, items),
        cancel_at=node.instant("cancel_at"),
        cancel_at_period_end=node.flag("cancel_at_period_end"),
        ended_at=node.instant("ended_at"),
        was_unpaid=node.node("cancellation_details").optional_text("reason") in UNPAID,
    )


def customer_from(node: Node) -> CustomerSnapshot:
    """Read a customer; Stripe keeps the id of a deleted one and says so."""
    return CustomerSnapshot(
        id=node.text("id"),
        email=address_from(node.optional_text("email")),
        name=name_from(node.optional_text("name")),
        deleted=node.flag("deleted"),
    )


def deleted_customer_from(node: Node) -> CustomerSnapshot:
    """Read the customer of `customer.deleted`, which still carries its data."""
    return CustomerSnapshot(id=node.text("id"), email=None, name="", deleted=True)


def checkout_from(node: Node) -> Checkout:
    """Read a checkout session."""
    reference = node.optional_text("client_reference_id") or ""
    return Checkout(
        customer_id=node.reference("customer"),
        subscription_id=node.reference("subscription"),
        clerk_user_id=reference if reference.startswith("user_") else None,
    )


def invoice_from(node: Node) -> Invoice:
    """Read an invoice."""
    details = node.node("parent").node("subscription_details")
    return Invoice(
        customer_id=node.reference("customer"),
        subscription_id=details.reference("subscription") or node.reference("subscription"),
    )


def refunded_charge_from(node: Node) -> RefundedCharge:
    """Read a charge of which something was paid back."""
    references = (node.text("id"), node.reference("payment_intent"), node.reference("invoice"))
    return RefundedCharge(
        customer_id=node.reference("customer"),
        payment_ids=frozenset(filter(None, references)),
        is_full=node.flag("refunded"),
    )


def paid_period_from(node: Node) -> PaidPeriod | None:
    """Read what an invoice (with its payments) was paid for; None where that is no subscription."""
    subscription_id = invoice_from(node).subscription_id
    lines = node.node("lines").nodes("data")
    ends = [end for line in lines if (end := line.node("period").instant("end"))]
    if subscription_id is None or not ends:
        return None
    paid_by = [payment.node("payment") for payment in node.node("payments").nodes("data")]
    references = [one.reference(kind) for one in paid_by for kind in ("payment_intent", "charge")]
    return PaidPeriod(
        subscription_id=subscription_id,
        paid_until=max(ends),
        payment_ids=frozenset(filter(None, [node.text("id"), *references])),
    )


PARSERS: dict[str, Callable[[Node], StripeSubject]] = {
    "charge.refunded": refunded_charge_from,
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


def _tier_from(item: Node) -> str:
    """Return the tier a price stands for: its own word, its product's, else how it is called."""
    price = item.node("price")
    product = price.values.get("product")
    of_product = price.node("product").node("metadata") if isinstance(product, dict) else None
    tier = (
        price.node("metadata").optional_text("tier")
        or (of_product.optional_text("tier") if of_product else None)
        or price.optional_text("lookup_key")
        or price.optional_text("nickname")
        or ""
    )
    return tier.strip().lower()[:LONGEST_TIER]


def _required_reference(node: Node, name: str) -> str:
    reference = node.reference(name)
    if reference is None:
        raise node.error(name, "is missing or empty")
    return reference
