"""What a person may decide about a planned end: it is not to be, it is to be then, or it is to be now.

Each act is one transaction under the member's lock: the row, the run that it takes away, and the audit row
with who decided and why. Her decision holds until the vendors tell of another end than the one she decided about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from include.errors import ActRefusedError
from include.membership.ends import End, EndReason, EndState
from include.store.scheduled_ends import (
    AuditContext,
    MembershipReference,
    move_end,
    open_end,
    revoke_end,
)

if TYPE_CHECKING:
    from datetime import datetime

    from include.membership.ends import Deactivation
    from include.person import Person
    from include.store import Store


class RowChange(NamedTuple):
    """A row before and after an act."""

    before: Deactivation
    after: Deactivation


def revoke(deactivation_id: int, *, person: Person, now: datetime, store: Store) -> RowChange:
    """Let the membership go on, whatever the vendors do at the end that was planned."""
    with store.transaction():
        row = _changeable(deactivation_id, store)
        revoke_end(row, why=person.why, by=_author(person, now), store=store)
        return RowChange(row, store.deactivations.get(row.id) or row)


def undo(deactivation_id: int, *, person: Person, now: datetime, store: Store) -> RowChange:
    """Plan the end anew that a person has revoked, as it was then."""
    with store.transaction():
        row = _revoked_by_hand(deactivation_id, store)
        end = End(vendor_at=row.vendor_at, deactivate_at=row.deactivate_at, reason=row.reason)
        whose = MembershipReference(row.member_id, row.subscription_id)
        return RowChange(row, open_end(whose, end, by=_author(person, now), store=store))


def move(
    deactivation_id: int, at: datetime, *, person: Person, now: datetime, store: Store
) -> RowChange:
    """Let the membership end at another moment, which must be to come."""
    if at <= now:
        raise ActRefusedError("that date is in the past: use run-now to end the membership now")
    with store.transaction():
        row = _changeable(deactivation_id, store)
        return RowChange(row, _set(row, at, person, now, store))


def run_now(deactivation_id: int, *, person: Person, now: datetime, store: Store) -> RowChange:
    """Let the membership end now, or let what has failed be tried again."""
    with store.transaction():
        row = _locked(deactivation_id, store)
        if row.state is EndState.RUNNING:
            raise ActRefusedError(f"deactivation {row.id} is being carried out by {row.taken_by}")
        return RowChange(row, _set(row, now, person, now, store))


def _set(
    row: Deactivation, at: datetime, person: Person, now: datetime, store: Store
) -> Deactivation:
    """Give the row a date of hers; what the vendors said stays, to know their next word from it."""
    end = End(vendor_at=row.vendor_at, deactivate_at=at, reason=EndReason.BY_HAND)
    return move_end(row, end, by=_author(person, now), store=store)


def _changeable(deactivation_id: int, store: Store) -> Deactivation:
    """Return an open row whose membership has not been closed yet, its member locked."""
    row = _locked(deactivation_id, store)
    if row.applied_at is not None:
        raise ActRefusedError(
            f"deactivation {row.id} has closed the membership at {row.applied_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    return row


def _revoked_by_hand(deactivation_id: int, store: Store) -> Deactivation:
    """Return a row that a person has revoked and that nothing has followed, its member locked."""
    row = _known(deactivation_id, store)
    store.members.lock([row.member_id])
    row = _known(deactivation_id, store)
    if row.state is not EndState.REVOKED or row.actor is None:
        raise ActRefusedError(
            f"deactivation {row.id} was not revoked by a person: it is {row.state}"
        )
    latest = store.deactivations.latest([row.subscription_id])[row.subscription_id]
    if latest.id != row.id:
        raise ActRefusedError(
            f"deactivation {row.id} was followed by deactivation {latest.id}, which is {latest.state}"
        )
    return row


def _known(deactivation_id: int, store: Store) -> Deactivation:
    row = store.deactivations.get(deactivation_id)
    if row is None:
        raise ActRefusedError(f"there is no deactivation {deactivation_id}")
    return row


def _locked(deactivation_id: int, store: Store) -> Deactivation:
    """Return an open row as it is once its member is locked; she may have been merged meanwhile."""
    row = _open(deactivation_id, store)
    while True:
        store.members.lock([row.member_id])
        again = _open(deactivation_id, store)
        if again.member_id == row.member_id:
            return again
        row = again


def _open(deactivation_id: int, store: Store) -> Deactivation:
    row = _known(deactivation_id, store)
    if not row.is_open:
        raise ActRefusedError(f"deactivation {row.id} is over: it is {row.state}")
    return row


def _author(person: Person, now: datetime) -> AuditContext:
    return AuditContext(actor=person.actor, now=now, person=person.actor, why=person.why)
