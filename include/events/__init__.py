"""Vendor payload → typed event: one parser per event type, pure, hostile input in mind.

What comes out is frozen. Snapshots are complete states of one object; a `Checkout` or an `Invoice` only
names objects, whose state is then read from the vendor; so does a `Reread`, an event of our own, and every thin event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import PayloadError
from include.events import clerk, rereads, stripe, thin
from include.events.clerk import UserSnapshot
from include.events.reading import Node, node_from
from include.events.rereads import ObjectKind, Reread
from include.events.stripe_objects import (
    Checkout,
    CustomerSnapshot,
    Invoice,
    MoneyMoved,
    StripeSubject,
    SubscriptionItem,
    SubscriptionSnapshot,
    SubscriptionStatus,
)
from include.events.thin import Named
from include.routing import plain_type

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Checkout",
    "CustomerSnapshot",
    "Event",
    "Invoice",
    "MoneyMoved",
    "Named",
    "Node",
    "ObjectKind",
    "Reread",
    "Snapshot",
    "Subject",
    "SubscriptionItem",
    "SubscriptionSnapshot",
    "SubscriptionStatus",
    "UserSnapshot",
    "event_from",
    "subject_in",
]

Snapshot = SubscriptionSnapshot | CustomerSnapshot | UserSnapshot
Subject = StripeSubject | UserSnapshot | Reread | Named
Parser = Callable[[Node], Subject]

PARSERS: Mapping[str, Mapping[str, Parser]] = {
    "stripe": {**stripe.PARSERS, **rereads.PARSERS["stripe"]},
    "clerk": {**clerk.PARSERS, **rereads.PARSERS["clerk"]},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What a vendor told us: about whom or what, and when it was so by the vendor's clock."""

    id: str
    type: str
    occurred_at: datetime
    subject: Subject


def event_from(*, provider: str, event_id: str, body: bytes) -> Event:
    """Read a verified body; raises PayloadError for whatever is not as the vendor describes it."""
    root = node_from(body)
    kind = plain_type(provider, root.text("type"))
    parser = _parser_of(provider, kind)
    subject: Subject
    if provider == "stripe" and thin.is_thin(root):
        subject, occurred_at = thin.subject_from(root), root.iso_instant("created")
    else:
        node = root.node("data") if provider == "clerk" else root.node("data").node("object")
        subject, occurred_at = parser(node), _occurred_at(provider, root, node)
    if occurred_at is None:
        raise PayloadError("the event has no time")
    return Event(id=event_id, type=kind, occurred_at=occurred_at, subject=subject)


def subject_in(provider: str, event_type: str, node: Node) -> Subject:
    """Read the object of an event that named it only."""
    return _parser_of(provider, event_type)(node)


def _parser_of(provider: str, event_type: str) -> Parser:
    parser = PARSERS.get(provider, {}).get(event_type)
    if parser is None:
        raise PayloadError("no parser for this type of event")
    return parser


def _occurred_at(provider: str, root: Node, subject: Node) -> datetime | None:
    """Return the moment of the state: Clerk's users carry it in milliseconds, its events may not."""
    if provider == "clerk":
        return subject.instant("updated_at") or root.instant("timestamp")
    return root.instant("created")
