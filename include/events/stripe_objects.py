"""What we know of Stripe's objects, however an account's API version writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


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
class SubscriptionItem:
    """What is sold by one item of a subscription; what the item does not say is None."""

    price_id: str | None
    product_id: str | None
    lookup_key: str | None
    tier: str  # what price or product call it


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionSnapshot:
    """A subscription as it was at one moment."""

    id: str
    customer_id: str
    status: SubscriptionStatus
    items: tuple[SubscriptionItem, ...] = ()
    has_more_items: bool = False  # than Stripe shows here
    current_period_end: datetime | None
    started_at: datetime | None = None
    cancel_at: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    was_unpaid: bool = False  # Stripe has ended it because nobody paid, or the payment is disputed
    was_never_paid: bool = False  # nothing of it was paid for, nor was it on trial
    is_collection_paused: bool = False
    is_fixed_term: bool = False  # its end was agreed when it began
    unpaid_since: datetime | None = None  # when its open invoice was due; only where that was read
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Tell whether it can never change again."""
        return self.status.is_final


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerSnapshot:
    """A customer as it was at one moment; a deleted one has no data any more."""

    id: str
    email: str | None
    name: str
    deleted: bool
    created_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Tell whether it can never change again."""
        return self.deleted


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """A checkout session: it names the subscription, whose state is read from Stripe."""

    customer_id: str | None
    subscription_id: str | None
    client_reference_id: str | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoice:
    """An invoice: it names the subscription, whose state is read from Stripe."""

    customer_id: str | None
    subscription_id: str | None
    id: str = ""
    is_paid_back: bool = (
        False  # its money was, or is not any more: the subscription means something else
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidPeriod:
    """What an invoice was paid for: a subscription, until then; and by what it was paid."""

    subscription_id: str
    paid_until: datetime
    payment_ids: frozenset[str]
    is_base: bool  # a period's own price is in it, not only the difference to another one


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """Money that was paid, and what has become of it since."""

    id: str
    customer_id: str | None
    payment_ids: frozenset[str]  # its own id, its payment intent's, its invoice's
    is_full: bool  # all of it was paid back
    refunded_cents: int
    is_disputed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MoneyMoved:
    """A refund or a dispute: it names the charge, whose state is read from Stripe."""

    charge_id: str | None
    has_failed: bool = False  # a refund that did not reach her


StripeSubject = SubscriptionSnapshot | CustomerSnapshot | Checkout | Invoice | MoneyMoved
