"""Planned ends of memberships, written down: each change in the table and in the audit log together.

Call these in a transaction that holds the member's lock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from include.membership.end_rules import EndAction, EndDecision
from include.membership.ends import EndState
from include.store.audit import AuditEntry, member_target

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from include.membership.ends import Deactivation, End
    from include.store import Store

ACTOR = "system:deactivation"  # who carries planned ends out
DEACTIVATED = "member:deactivated"
GOES_ON = "the membership goes on"


class MembershipReference(NamedTuple):
    """The membership that is to end."""

    member_id: UUID
    subscription_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditContext:
    """Who changes a planned end, and on what account; `person` and `why` only for acts by hand."""

    actor: str
    now: datetime
    dag_run_id: str | None = None
    inbox_ids: tuple[int, ...] = ()
    person: str | None = None
    why: str | None = None


def carry_out(
    decision: EndDecision,
    latest: Deactivation | None,
    whose: MembershipReference,
    *,
    by: AuditContext,
    store: Store,
) -> None:
    """Do what is decided about a subscription's newest row."""
    match decision:
        case EndDecision(act=EndAction.REVOKE) if latest is not None:
            revoke_end(latest, why=GOES_ON, by=by, store=store)
        case EndDecision(act=EndAction.MOVE, end=end) if latest is not None and end is not None:
            move_end(latest, end, by=by, store=store)
        case EndDecision(act=EndAction.CLOSE, end=end) if latest is not None:
            close_end(latest, by=by, store=store)
            if end is not None:
                open_end(whose, end, by=by, store=store)
        case EndDecision(end=end) if end is not None:
            open_end(whose, end, by=by, store=store)


def open_end(
    whose: MembershipReference, end: End, *, by: AuditContext, store: Store
) -> Deactivation:
    """Plan the end of a membership."""
    row = store.deactivations.open(*whose, end, inbox_id=_inbox_id(by), now=by.now)
    _audit("deactivation:plan", row, by, store, after=_shown(row))
    return row


def move_end(row: Deactivation, end: End, *, by: AuditContext, store: Store) -> Deactivation:
    """Give a planned end another date or reason."""
    moved = store.deactivations.redate(
        row.id, end, inbox_id=_inbox_id(by), actor=by.person, why=by.why, now=by.now
    )
    _audit("deactivation:move", row, by, store, before=_shown(row), after=_shown(moved))
    return moved


def revoke_end(row: Deactivation, *, why: str, by: AuditContext, store: Store) -> None:
    """Give a planned end up."""
    store.deactivations.revoke(row.id, why=why, inbox_id=_inbox_id(by), actor=by.person, now=by.now)
    revoked = replace(row, state=EndState.REVOKED)
    _audit("deactivation:revoke", row, by, store, before=_shown(row), after=_shown(revoked))


def close_end(row: Deactivation, *, by: AuditContext, store: Store) -> None:
    """End what its run has carried out and not recorded: it has nothing more to do."""
    store.audit.add([deactivated(row)], now=by.now)
    store.deactivations.finish([row.id], now=by.now)


def deactivated(
    row: Deactivation,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    outcome: str | None = None,
) -> AuditEntry:
    """Return the line of a membership that has ended; the states are the member's, `outcome` Mailchimp's."""
    return AuditEntry(
        target=member_target(row.member_id),
        actor=ACTOR,
        action=DEACTIVATED,
        dag_run_id=row.taken_by,
        inbox_ids=[row.inbox_id] if row.inbox_id else [],
        before=before,
        after=after,
        metadata={
            "deactivation_id": row.id,
            "subscription_id": row.subscription_id,
            "reason": str(row.reason),
            "deactivate_at": row.deactivate_at.isoformat() if row.deactivate_at else None,
            **({"outcome": outcome} if outcome else {}),
        },
    )


def _inbox_id(by: AuditContext) -> int | None:
    return max(by.inbox_ids, default=None)


def _shown(row: Deactivation) -> dict[str, object]:
    return {
        "deactivate_at": row.deactivate_at.isoformat() if row.deactivate_at else None,
        "reason": str(row.reason),
        "state": str(row.state),
    }


def _audit(
    action: str,
    row: Deactivation,
    by: AuditContext,
    store: Store,
    **states: dict[str, object],
) -> None:
    why = {"why": by.why} if by.why else {}
    change = AuditEntry(
        target=member_target(row.member_id),
        actor=by.actor,
        action=action,
        dag_run_id=by.dag_run_id,
        inbox_ids=list(by.inbox_ids),
        **states,
        metadata={
            "deactivation_id": row.id,
            "subscription_id": row.subscription_id,
            **why,
        },
    )
    store.audit.add([change], now=by.now)
