"""Stripe, through its own package: reads of what events only name or may be wrong about."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import stripe
import structlog

from include.errors import (
    PayloadError,
    PermanentVendorError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
)
from include.events.reading import Node
from include.events.stripe import (
    account_from,
    charge_from,
    customer_from,
    due_since,
    paid_period_from,
    subscription_from,
)
from include.events.stripe_objects import SubscriptionStatus
from include.vendors.clock_skew import date_in
from include.vendors.stripe.endpoints import WebhookEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from include.events import CustomerSnapshot, SubscriptionSnapshot
    from include.events.stripe_objects import Charge, PaidPeriod
    from include.vendors.manifest import VendorAccess

T = TypeVar("T")

log = structlog.get_logger(__name__)

NETWORK_RETRIES = 1  # of the package, at once: the task's own retries come after seconds
SERVER_ERRORS = 500
NOT_FOUND = 404
TOO_MANY_REQUESTS = 429
PAGE = 100  # Stripe's most
OWING: Final = (SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID)
LIVE: Final = re.compile("[a-z]+_live_")
"""A key of the live mode: sk_live_…, rk_live_…"""
READ_KINDS: Final = (
    "subscriptions",
    "customers",
    "invoices",
    "charges",
    "disputes",
    "events",
    "prices",
    "products",
)
"""What the jobs read: a restricted key needs the right to read each."""

ACCOUNT: Final = "acct_"
"""How the ids of accounts begin: under Accounts v2 they pay, and no customer does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """A price that recurs, of the price list."""

    id: str
    product_id: str | None
    lookup_key: str | None


def connect(access: VendorAccess) -> Stripe:
    """Return a client of the connection `stripe`."""
    account = access.account("stripe")
    return Stripe(
        account.password,
        base_url=account.host,
        timeout_seconds=access.settings.vendor_timeout_seconds,
    )


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
        self.is_live = LIVE.match(api_key) is not None
        self._subscriptions = client.v1.subscriptions
        self._customers = client.v1.customers
        self._invoices = client.v1.invoices
        self._charges = client.v1.charges
        self._disputes = client.v1.disputes
        self._events = client.v1.events
        self._prices = client.v1.prices
        self._products = client.v1.products
        self._webhook_endpoints = client.v1.webhook_endpoints
        self._accounts = client.v2.core.accounts
        self._event_destinations = client.v2.core.event_destinations
        self._named: dict[str, Any] = {
            "checkout.session": client.v1.checkout.sessions,
            "dispute": self._disputes,
            "invoice": self._invoices,
            "refund": client.v1.refunds,
        }
        self._read_account = client.v1.accounts.retrieve_current

    def check(self, kind: str) -> datetime | None:
        """Read at most one object of a kind of `READ_KINDS`; return what time Stripe has."""
        read = getattr(self, f"_{kind}").list
        with _told_as_ours():
            return date_in(read({"limit": 1}).last_response.headers)

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Return where Stripe sends this account's events; a restricted key may not be allowed to know.

        Those that get thin events are event destinations alone; where this key may not see these, they are left out.
        """
        snapshots = [
            WebhookEndpoint(
                url=found.text("url"),
                types=frozenset(found.texts("enabled_events")),
                is_enabled=found.text("status") == "enabled",
                api_version=found.optional_text("api_version"),
            )
            for found in _all(self._webhook_endpoints.list, {})
        ]
        try:
            destinations = self._list_destinations()
        except PermanentVendorError:
            return snapshots
        updated = {one.url: one.updated_at for one in destinations if one.payload == "snapshot"}
        thin = [one for one in destinations if one.payload == "thin"]
        return [replace(one, updated_at=updated.get(one.url)) for one in snapshots] + thin

    def _list_destinations(self) -> list[WebhookEndpoint]:
        """Return the event destinations that are webhook endpoints."""
        query = {"include": ["webhook_endpoint.url"]}
        return [
            WebhookEndpoint(
                url=url,
                types=frozenset(found.texts("enabled_events")),
                is_enabled=found.text("status") == "enabled",
                payload=found.text("event_payload"),
                api_version=found.optional_text("snapshot_api_version"),
                updated_at=found.iso_instant("updated"),
            )
            for found in _all_v2(self._event_destinations.list, query)
            if (url := found.node("webhook_endpoint").optional_text("url"))
        ]

    def read_account_name(self) -> str | None:
        """Return how the account is called; None where this key may not know it."""
        try:
            account = _read(self._read_account, {})
        except PermanentVendorError:
            return None
        dashboard = account.node("settings").node("dashboard")
        return dashboard.optional_text("display_name") or account.optional_text("id")

    def create_webhook_endpoint(self, url: str, types: Sequence[str]) -> str:
        """Have Stripe send events of these types there; return the secret, which is shown only now."""
        query = {
            "url": url,
            "enabled_events": list(types),
            "api_version": stripe.api_version,  # a change of the account's changes no webhook
            "description": "wdai-ops",
        }
        return _read(self._webhook_endpoints.create, query).text("secret")

    def read_subscription(self, subscription_id: str) -> SubscriptionSnapshot:
        """Return the subscription as it is now, with what its newest invoice and its products tell."""
        query = {"expand": ["latest_invoice", "items.data.price.product"]}
        found = subscription_from(_read(self._subscriptions.retrieve, subscription_id, query))
        if found.unpaid_since is None or found.status not in OWING:
            return found
        owed = {"subscription": subscription_id, "status": "open", "limit": PAGE}
        since = filter(None, map(due_since, _read(self._invoices.list, owed).nodes("data")))
        return replace(found, unpaid_since=min(since, default=found.unpaid_since))

    def list_subscriptions_of(self, customer_id: str) -> list[SubscriptionSnapshot]:
        """Return all subscriptions of a customer, ended ones too; one that cannot be read is left out."""
        query = {"status": "all", **_paid_by(customer_id), "expand": ["data.latest_invoice"]}
        return list(_parsed(_all(self._subscriptions.list, query), subscription_from))

    def read_named(self, kind: str, object_id: str) -> Node:
        """Return what a thin event names, as it is now; `kind` is one of `events.thin.NAMED`."""
        return _read(self._named[kind].retrieve, object_id)

    def read_charge(self, charge_id: str) -> Charge:
        """Return a charge, and what was paid back of it, as it is now."""
        return charge_from(_read(self._charges.retrieve, charge_id))

    def read_disputes(self, charge_id: str) -> frozenset[str]:
        """Return where the disputes about a charge stand: `won`, `lost`, or something that goes on."""
        disputes = _read(self._disputes.list, {"charge": charge_id}).nodes("data")
        return frozenset(dispute.text("status") for dispute in disputes)

    def find_paid_period(self, charge: Charge) -> PaidPeriod | None:
        """Return which of a customer's newest invoices a charge had paid; None where it is none of them."""
        if charge.customer_id is None:
            return None
        query = {**_paid_by(charge.customer_id), "limit": PAGE, "expand": ["data.payments"]}
        for invoice in _read(self._invoices.list, query).nodes("data"):
            period = paid_period_from(invoice)
            if period is not None and period.payment_ids & charge.payment_ids:
                return period
        return None

    def list_events(
        self, *, types: Sequence[str], since: datetime, until: datetime, delivered: bool | None
    ) -> Iterator[Mapping[str, object]]:
        """Return the events of these types (20 at most) of the last 30 days, as Stripe's list has them, newest first.

        `delivered` False: only those that Stripe could not deliver to every endpoint.
        """
        query: dict[str, Any] = {
            "types": list(types),
            "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
        }
        if delivered is not None:
            query["delivery_success"] = delivered
        for event in _all(self._events.list, query):
            yield event.values

    def list_subscriptions(self) -> Iterator[SubscriptionSnapshot]:
        """Return all subscriptions as they are now, ended ones too; one that cannot be read is left out."""
        yield from _parsed(
            _all(self._subscriptions.list, {"status": "all", "expand": ["data.latest_invoice"]}),
            subscription_from,
        )

    def list_prices(self) -> Iterator[Price]:
        """Return all active prices that recur."""
        for node in _all(self._prices.list, {"active": True, "type": "recurring"}):
            yield Price(
                id=node.text("id"),
                product_id=node.reference("product"),
                lookup_key=node.optional_text("lookup_key"),
            )

    def read_price(self, price_id: str) -> None:
        """Raise VendorNotFoundError where there is no such price."""
        _read(self._prices.retrieve, price_id)

    def read_product(self, product_id: str) -> None:
        """Raise VendorNotFoundError where there is no such product."""
        _read(self._products.retrieve, product_id)

    def count_subscriptions(self, price_id: str) -> str:
        """Return how many living subscriptions have a price, `100 or more`; empty where none has."""
        page = _read(self._subscriptions.list, {"price": price_id, "limit": PAGE})
        count = len(page.nodes("data"))
        return f"{count} or more" if page.flag("has_more") else str(count or "")

    def list_customers(self, email: str | None = None) -> Iterator[CustomerSnapshot]:
        """Return all customers, or those of an address, as they are now; one that cannot be read is left out."""
        query = {"email": email} if email else {}
        yield from _parsed(_all(self._customers.list, query), customer_from)

    def read_customer(self, customer_id: str) -> CustomerSnapshot:
        """Return the customer as it is now; of a deleted one Stripe still knows the id."""
        if customer_id.startswith(ACCOUNT):
            return account_from(_read(self._accounts.retrieve, customer_id))
        return customer_from(_read(self._customers.retrieve, customer_id))


def _paid_by(customer_id: str) -> dict[str, str]:
    """Return the filter of a list for who pays: a customer, or an account of Accounts v2."""
    kind = "customer_account" if customer_id.startswith(ACCOUNT) else "customer"
    return {kind: customer_id}


def _read(read: Callable[..., Any], *query: str | dict[str, Any]) -> Node:
    with _told_as_ours():
        return Node(read(*query).to_dict(), "stripe")


@contextmanager
def _told_as_ours() -> Iterator[None]:
    """Make every failure of the package one of our errors."""
    try:
        yield
    except stripe.StripeError as error:
        raise _error_from(error).by("stripe") from None  # Stripe's own text may quote what was sent


def _all(read: Callable[[Any], Any], query: dict[str, Any]) -> Iterator[Node]:
    """Read every page of a list."""
    after: dict[str, str] = {}
    while True:
        page = _read(read, {**query, **after, "limit": PAGE})
        items = page.nodes("data")
        yield from items
        if not page.flag("has_more") or not items:
            return
        after = {"starting_after": items[-1].text("id")}


def _all_v2(read: Callable[[Any], Any], query: dict[str, Any]) -> Iterator[Node]:
    """Read every page of one of v2's lists."""
    with _told_as_ours():
        for item in read({**query, "limit": PAGE}).auto_paging_iter():
            yield Node(item.to_dict(), "stripe")


def _parsed(items: Iterable[Node], parse: Callable[[Node], T]) -> Iterator[T]:
    for item in items:
        try:
            yield parse(item)
        except PayloadError as error:
            log.warning("stripe.unreadable", object_id=item.values.get("id"), reason=str(error))


def _error_from(error: stripe.StripeError) -> VendorError:
    status = error.http_status
    if status == TOO_MANY_REQUESTS:  # the package's RateLimitError needs a body that it can read
        return VendorBusyError("Stripe: too many calls")
    if isinstance(error, stripe.APIConnectionError):
        return VendorUnavailableError("Stripe does not answer")
    if status is None or status >= SERVER_ERRORS or type(error) is stripe.APIError:
        return VendorUnavailableError(f"Stripe answers {status or 'nonsense'}")  # or a proxy does
    if status == NOT_FOUND:
        return VendorNotFoundError("Stripe does not know the object")
    return PermanentVendorError(f"Stripe refuses the call: {status} {type(error).__name__}")
