"""Vendor payload → typed event: one parser per event type, pure, hostile input in mind.

What comes out is frozen. Snapshots are complete states of one object; a `Checkout` or an `Invoice` only
names objects, whose state is then read from the vendor; so does a `Reread`, an event of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import PayloadError
from include.events import clerk, rereads, stripe
from include.events.clerk import UserSnapshot
from include.events.reading import Node, node_from
from include.events.rereads import Reread, RereadKind
from include.events.stripe import (
    Checkout,
    CustomerSnapshot,
    Invoice,
    MoneyMoved,
    StripeSubject,
    SubscriptionItem,
    SubscriptionSnapshot,
    SubscriptionStatus,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Checkout",
    "CustomerSnapshot",
    "Event",
    "Invoice",
    "MoneyMoved",
    "Node",
    "Reread",
    "RereadKind",
    "Snapshot",
    "Subject",
    "SubscriptionItem",
    "SubscriptionSnapshot",
    "SubscriptionStatus",
    "UserSnapshot",
    "event_from",
]

Snapshot = SubscriptionSnapshot | CustomerSnapshot | UserSnapshot
Subject = StripeSubject | UserSnapshot | Reread
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
    kind = root.text("type")
    parser = PARSERS.get(provider, {}).get(kind)
    if parser is None:
        raise PayloadError("no parser for this type of event")
    subject = root.node("data") if provider == "clerk" else root.node("data").node("object")
    return Event(
        id=event_id,
        type=kind,
        occurred_at=_occurred_at(provider, root, subject),
        subject=parser(subject),
    )


def _occurred_at(provider: str, root: Node, subject: Node) -> datetime:
    """Return the moment of the state: Clerk's users carry it in milliseconds, its events may not."""
    if provider == "clerk":
        instant = subject.instant("updated_at") or root.instant("timestamp")
    else:
        instant = root.instant("created")
    if instant is None:
        raise PayloadError("the event has no time")
    return instant
