"""Collect: what the rows of a chunk are about, object by object. Nothing is asked, read or decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from include.events import (
    Checkout,
    CustomerSnapshot,
    Invoice,
    MoneyMoved,
    Reread,
    Snapshot,
    SubscriptionSnapshot,
    UserSnapshot,
)
from include.events.rereads import ObjectKind
from include.membership.identity import account_named_by
from include.membership.states import ObjectKey, ObjectReport, Resolution

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from uuid import UUID

    from include.errors import MemberUnknownError, VendorError
    from include.events import Event
    from include.membership.policy import Policy
    from include.membership.states import AppliedObject


class Arrived(NamedTuple):
    """A row of the inbox, read."""

    inbox_id: int
    provider: str
    mode: str
    event: Event
    was_loaded: bool  # by an earlier try or run, which did not get to its end
    mails_nobody: bool = False  # for what comes of it


@dataclass(kw_only=True, slots=True)
class ObjectUpdate:
    """One object that the chunk is about, and what became of it."""

    key: ObjectKey
    kind: ObjectKind
    reports: list[ObjectReport] = field(default_factory=list)
    known: AppliedObject | None = None
    must_ask: bool = False
    resolution: Resolution = Resolution.ASK
    snapshot: Snapshot | None = None
    as_of: datetime | None = None
    event_id: str | None = None
    member_id: UUID | None = None
    problem: VendorError | MemberUnknownError | None = None

    @property
    def is_final(self) -> bool:
        """Tell whether its state can never change: not known to the vendor, deleted, ended."""
        match self.snapshot:
            case None:
                return True
            case SubscriptionSnapshot(status=status):
                return status.is_final
            case _:
                return self.snapshot.deleted


class ObjectUpdates:
    """The objects of a chunk: those that its rows are about, and those that turn out to matter for them."""

    def __init__(self, rows: Collection[Arrived]) -> None:
        """Begin with none."""
        self.by_key: dict[ObjectKey, ObjectUpdate] = {}
        # None: a payment for no subscription
        self.rows: list[tuple[Arrived, ObjectUpdate | None]] = []
        self.mode = next(iter(rows)).mode

    def __iter__(self) -> Iterator[ObjectUpdate]:
        """Go through those that there are now."""
        return iter(list(self.by_key.values()))

    def __contains__(self, key: ObjectKey) -> bool:
        """Tell whether the chunk is about an object."""
        return key in self.by_key

    def add(self, key: ObjectKey, kind: ObjectKind) -> ObjectUpdate:
        """Return the update of an object, a new one where there is none."""
        return self.by_key.setdefault(key, ObjectUpdate(key=key, kind=kind))

    def subscriptions(self) -> Iterator[tuple[ObjectUpdate, SubscriptionSnapshot]]:
        """Go through the subscriptions whose state is at hand."""
        return ((c, c.snapshot) for c in self if isinstance(c.snapshot, SubscriptionSnapshot))

    def customer_of(self, update: ObjectUpdate, subscription: SubscriptionSnapshot) -> ObjectKey:
        """Return the key of who pays for a subscription."""
        return ObjectKey("stripe", update.key.mode, subscription.customer_id)


def collect(rows: Collection[Arrived], policy: Policy) -> ObjectUpdates:
    """Return what the rows are about; an account that a checkout names, too."""
    updates = ObjectUpdates(rows)
    for row in rows:
        subject, event = row.event.subject, row.event
        update = _update_of(row, updates)
        updates.rows.append((row, update))
        if update is not None:
            snapshot = subject if isinstance(subject, Snapshot) else None
            update.reports.append(
                ObjectReport(event_id=event.id, occurred_at=event.occurred_at, snapshot=snapshot)
            )
            update.must_ask |= isinstance(subject, Invoice) and subject.is_paid_back
        if isinstance(subject, Checkout) and subject.subscription_id:
            named = account_named_by(subject, policy)
            if named is not None:
                updates.add(ObjectKey("clerk", row.mode, named), ObjectKind.USER)
    return updates


def _update_of(row: Arrived, updates: ObjectUpdates) -> ObjectUpdate | None:
    match row.event.subject:
        case Checkout(subscription_id=None) | Invoice(subscription_id=None) | MoneyMoved():
            return None
        case Reread(kind=kind, id=object_id):
            pass
        case UserSnapshot(id=object_id):
            kind = ObjectKind.USER
        case CustomerSnapshot(id=object_id):
            kind = ObjectKind.CUSTOMER
        case SubscriptionSnapshot(id=object_id):
            kind = ObjectKind.SUBSCRIPTION
        case Checkout(subscription_id=named) | Invoice(subscription_id=named):
            kind, object_id = ObjectKind.SUBSCRIPTION, named or ""
    return updates.add(ObjectKey(row.provider, row.mode, object_id), kind)
