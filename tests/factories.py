"""Things as the tests need them: `make_…` for our values, `…_event` for what vendors send.

Each takes what matters to the test and fills in the rest. Stripe's events come in either shape.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson

from include.events import SubscriptionStatus
from include.membership.contacts import Contact, ContactStatus
from include.membership.members import Member, Membership
from include.operate.deployment import Deployment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERIOD_END = NOW + timedelta(days=30)
NEW_SHAPE, OLD_SHAPE = "2026-10-28.endive", "2023-08-16"
numbers = count(1)


def make_membership(**changes: Any) -> Membership:
    """Make an active membership of the tier `pro`."""
    fields: dict[str, Any] = {
        "subscription_id": "sub_1",
        "status": SubscriptionStatus.ACTIVE,
        "tier": "pro",
        "current_period_end": PERIOD_END,
        "first_active_at": NOW,
    }
    return Membership(**{**fields, **changes})


def make_member(**changes: Any) -> Member:
    """Make a member who is active and has no contact yet."""
    fields: dict[str, Any] = {
        "id": UUID(int=next(numbers)),
        "email": "ada@example.org",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "created_at": NOW,
        "memberships": (make_membership(),),
    }
    return Member(**{**fields, **changes})


def make_contact(**changes: Any) -> Contact:
    """Make a subscribed contact of `ada@example.org`."""
    fields: dict[str, Any] = {
        "subscriber_hash": "0be4d0d39fdb1b3b1f0a1b5fdd37b8a1",
        "status": ContactStatus.SUBSCRIBED,
        "tags": frozenset({"active", "pro"}),
        "retired": (),
        "applied_sha256": b"",
    }
    return Contact(**{**fields, **changes})


def make_deployment(**changes: Any) -> Deployment:
    """Make a deployment that nobody can reach."""
    fields: dict[str, Any] = {
        "name": "local",
        "database_url": "postgresql://ops:secret@127.0.0.1:9/ops",
        "airflow_url": "http://127.0.0.1:8080",
        "relay_urls": ["http://127.0.0.1:9"],
    }
    return Deployment.model_validate({**fields, **changes})


def seconds(instant: datetime | None) -> int | None:
    """Return Stripe's way to write an instant."""
    return None if instant is None else int(instant.timestamp())


def stripe_event(kind: str, subject: dict[str, Any], *, at: datetime = NOW) -> dict[str, Any]:
    """Return an event of Stripe's."""
    return {
        "id": f"evt_{next(numbers)}",
        "object": "event",
        "api_version": NEW_SHAPE,
        "created": seconds(at),
        "livemode": False,
        "type": kind,
        "data": {"object": subject},
    }


def thin_event(
    kind: str, thing: str, object_id: str, *, at: datetime = NOW, **changes: Any
) -> dict[str, Any]:
    """Return a thin event of Stripe's about an object."""
    return {
        "id": f"evt_thin_{next(numbers)}",
        "object": "v2.core.event",
        "type": f"v1.{kind}",
        "created": at.isoformat().replace("+00:00", "Z"),
        "livemode": False,
        "context": None,
        "related_object": {"id": object_id, "type": thing, "url": f"/v1/things/{object_id}"},
        **changes,
    }


def subscription(  # noqa: PLR0913 - what the tests vary
    subscription_id: str = "sub_1",
    customer: str = "cus_1",
    *,
    status: str = "active",
    tier: str = "pro",
    period_end: datetime | None = PERIOD_END,
    shape: str = NEW_SHAPE,
    **changes: Any,
) -> dict[str, Any]:
    """Return a subscription; the old shape has the period on itself, the new one on its item."""
    period = {"current_period_end": seconds(period_end)}
    price = {
        "id": f"price_{tier}_month",
        "object": "price",
        "metadata": {"tier": tier},
        "product": f"prod_{tier}",
    }
    item = {"id": "si_1", "price": price, **(period if shape == NEW_SHAPE else {})}
    return {
        "id": subscription_id,
        "object": "subscription",
        "customer": customer,
        "status": status,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "items": {"object": "list", "data": [item]},
        **(period if shape == OLD_SHAPE else {}),
        **changes,
    }


def invoice(
    subscription_id: str | None = "sub_1", customer: str = "cus_1", *, shape: str = NEW_SHAPE
) -> dict[str, Any]:
    """Return an invoice; the shapes name its subscription in different places."""
    details = {"subscription_details": {"subscription": subscription_id}}
    place = {"parent": details} if shape == NEW_SHAPE else {"subscription": subscription_id}
    return {"id": "in_1", "object": "invoice", "customer": customer, "status": "paid", **place}


def customer(
    customer_id: str = "cus_1", email: str | None = "ada@example.org", name: str = "Ada Lovelace"
) -> dict[str, Any]:
    """Return a customer."""
    return {"id": customer_id, "object": "customer", "email": email, "name": name}


def checkout(
    subscription_id: str | None = "sub_1",
    customer_id: str = "cus_1",
    client_reference_id: str | None = None,
) -> dict[str, Any]:
    """Return a completed checkout session."""
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "customer": customer_id,
        "subscription": subscription_id,
        "client_reference_id": client_reference_id,
    }


def clerk_event(kind: str, subject: dict[str, Any], *, at: datetime = NOW) -> dict[str, Any]:
    """Return an event of Clerk's."""
    stamp = int(at.timestamp() * 1000)
    if kind != "user.deleted":
        subject = {"updated_at": stamp, **subject}
    return {"object": "event", "type": kind, "timestamp": stamp, "data": subject}


def user(
    user_id: str = "user_1",
    email: str | None = "ada@example.org",
    *,
    verified: bool = True,
    first_name: str = "Ada",
    last_name: str = "Lovelace",
) -> dict[str, Any]:
    """Return a Clerk user with one address, or none."""
    status = "verified" if verified else "unverified"
    address = {"id": "idn_1", "email_address": email, "verification": {"status": status}}
    return {
        "id": user_id,
        "object": "user",
        "first_name": first_name,
        "last_name": last_name,
        "primary_email_address_id": "idn_1",
        "email_addresses": [address] if email else [],
    }


def as_body(event: dict[str, Any]) -> bytes:
    """Return an event as it comes."""
    return orjson.dumps(event)
