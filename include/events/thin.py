"""Stripe's thin events: which object something happened to, and not how it is now.

They have the id of the object alone (docs.stripe.com/event-destinations#thin-events), under the type of the snapshot
event with `v1.` before it. The object is always read from Stripe by its id: the URL in an event is not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.events.rereads import ObjectKind, Reread
from include.events.stripe_objects import MoneyMoved

if TYPE_CHECKING:
    from include.events.reading import Node

OBJECT = "v2.core.event"

STATES = {
    "customer": ObjectKind.CUSTOMER,
    "v2.core.account": ObjectKind.CUSTOMER,
    "subscription": ObjectKind.SUBSCRIPTION,
}

NAMED = frozenset({"checkout.session", "dispute", "invoice", "refund"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """An object that says whom an event is about only once it is read; its kind is Stripe's `object`."""

    kind: str
    id: str


def is_thin(root: Node) -> bool:
    """Tell whether a body is a thin event."""
    return root.values.get("object") == OBJECT


def subject_from(root: Node) -> Reread | MoneyMoved | Named:
    """Return what a thin event is about."""
    related = root.node("related_object")
    kind, object_id = related.text("type"), related.text("id")
    if kind in STATES:
        return Reread(kind=STATES[kind], id=object_id)
    if kind == "charge":
        return MoneyMoved(charge_id=object_id)
    if kind not in NAMED:
        raise related.error("type", "is no kind of object that we read")
    return Named(kind=kind, id=object_id)
