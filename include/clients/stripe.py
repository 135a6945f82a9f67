"""Stripe, through its own package: reads of what events only name or may be wrong about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import stripe

from include.errors import (
    PermanentVendorError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
)
from include.events.reading import Node
from include.events.stripe import customer_from, paid_period_from, subscription_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.events import CustomerSnapshot, RefundedCharge, SubscriptionSnapshot
    from include.events.stripe import PaidPeriod

NETWORK_RETRIES = 1  # of the package, at once: the task's own retries come after seconds
SERVER_ERRORS = 500
NOT_FOUND = 404
PAGE = 100  # Stripe's most


class Stripe:
    """What we ask of Stripe. May be used by several threads."""

    def __init__(self, api_key: str, *, base_url: str, timeout_seconds: float) -> None:
        """Call `base_url`, which is without the `/v1`; nothing is sent yet."""
        client = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url.rstrip("/")},
            http_client=stripe.RequestsClient(timeout=timeout_seconds),
            max_network_retries=NETWORK_RETRIES,  # without it the client never retries
        )
        self._subscriptions = client.v1.subscriptions
        self._customers = client.v1.customers
        self._invoices = client.v1.invoices

    def read_subscription(self, subscription_id: str) -> SubscriptionSnapshot:
        """Return the subscription as it is now."""
        return subscription_from(_read(self._subscriptions.retrieve, subscription_id))

    def find_paid_period(self, charge: RefundedCharge) -> PaidPeriod | None:
        """Return which of a customer's newest invoices a charge had paid; None where it is none of them."""
        if charge.customer_id is None:
            return None
        wish = {"customer": charge.customer_id, "limit": PAGE, "expand": ["data.payments"]}
        for invoice in _read(self._invoices.list, wish).nodes("data"):
            period = paid_period_from(invoice)
            if period is not None and period.payment_ids & charge.payment_ids:
                return period
        return None

    def read_customer(self, customer_id: str) -> CustomerSnapshot:
        """Return the customer as it is now; of a deleted one Stripe still knows the id."""
        return customer_from(_read(self._customers.retrieve, customer_id))


def _read(read: Callable[[Any], Any], wish: str | dict[str, Any]) -> Node:
    try:
        return Node(read(wish).to_dict(), "stripe")
    except stripe.StripeError as error:
        raise _error_from(error).by("stripe") from None  # Stripe's own text may quote what was sent


def _error_from(error: stripe.StripeError) -> VendorError:
    status = error.http_status
    if isinstance(error, stripe.RateLimitError):
        return VendorBusyError("Stripe: too many calls")
    if isinstance(error, stripe.APIConnectionError):
        return VendorUnavailableError("Stripe does not answer")
    if status is None or status >= SERVER_ERRORS:
        return VendorUnavailableError(f"Stripe answers {status or 'nonsense'}")
    if status == NOT_FOUND:
        return VendorNotFoundError("Stripe does not know the object")
    return PermanentVendorError(f"Stripe refuses the call: {status} {type(error).__name__}")
