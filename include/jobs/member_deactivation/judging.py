"""Is a membership that is due to end still to end? Asked of Stripe itself, under the member's lock.

What events have told us does not count here: the one that takes the end back may still be on its way. So a
member who came back before her last second stays; and one who does after it is a new activation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from include.errors import VendorError
from include.events import SubscriptionSnapshot
from include.jobs.mailchimp_sync.vendors import ObjectKind, VendorReader
from include.membership.end_rules import (
    EndAction,
    EndHistory,
    decide,
    membership_from,
    membership_gone,
    wanted_end,
)
from include.membership.standing import STANDINGS, Standing
from include.membership.states import ObjectKey
from include.store.scheduled_ends import (
    ACTOR,
    AuditContext,
    MembershipReference,
    carry_out,
    revoke_end,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.clock import Clock
    from include.jobs.mailchimp_sync.vendors import ObjectReading
    from include.membership.end_rules import EndDecision
    from include.membership.ends import Deactivation
    from include.membership.members import Member, Membership
    from include.store import Store

ACCOUNT_GONE = "the platform's row is gone"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """What came of some rows: those that are to be, and those that Stripe does not answer about."""

    to_be: list[int] = field(default_factory=list)
    unanswered: dict[int, VendorError] = field(default_factory=dict)


def locked(
    ids: Collection[int], *, dag_run_id: str, store: Store
) -> tuple[list[Deactivation], dict[UUID, Member]]:
    """Lock the members of these rows, and return both as they are then; what has left the run is left out.

    Needs a transaction, which holds the locks.
    """
    held: set[UUID] = set()
    while True:  # a row may go to another member, whom its own was merged into, before it is locked
        rows = store.deactivations.taken(dag_run_id, ids)
        owners = {row.member_id for row in rows}
        if owners <= held:
            return rows, store.members.read(owners)
        store.members.lock(owners - held)
        held |= owners


def judge(  # noqa: PLR0913 - what is judged, and collaborators, by name
    rows: Sequence[Deactivation],
    members: Mapping[UUID, Member],
    *,
    dag_run_id: str,
    store: Store,
    vendors: VendorReader,
    clock: Clock,
) -> Verdicts:
    """Ask Stripe about rows whose members are locked; revoke and move what is not to be, or not now."""
    verdicts = Verdicts()
    readings = vendors.ask(
        {_key(row): ObjectKind.SUBSCRIPTION for row in rows if row.member_id in members}
    )
    by = AuditContext(actor=ACTOR, now=clock.now(), dag_run_id=dag_run_id)
    refunds = store.refunds.read([row.subscription_id for row in rows])
    for row in rows:
        member = members.get(row.member_id)
        if member is None:
            revoke_end(row, why=ACCOUNT_GONE, by=by, store=store)
            continue
        reading = readings[_key(row)]
        if isinstance(reading, VendorError):
            verdicts.unanswered[row.id] = reading
            continue
        history = EndHistory(
            latest=row,
            refunds=refunds.get(row.subscription_id, ()),
            deleted_at=member.deleted_at,
        )
        decision = _decision(row, membership_of(member, row), reading, history, by.now)
        if decision is None:
            verdicts.to_be.append(row.id)
        else:
            whose = MembershipReference(row.member_id, row.subscription_id)
            carry_out(decision, row, whose, by=by, store=store)
            is_back = decision.act is EndAction.REVOKE
            log.info("deactivation.revoked" if is_back else "deactivation.moved", id=row.id)
    return verdicts


def membership_of(member: Member, row: Deactivation) -> Membership | None:
    """Return the membership that a row ends, if the platform has it."""
    found = (m for m in member.memberships if m.subscription_id == row.subscription_id)
    return next(found, None)


def _key(row: Deactivation) -> ObjectKey:
    return ObjectKey("stripe", "", row.subscription_id)


def _decision(
    row: Deactivation,
    before: Membership | None,
    reading: ObjectReading,
    history: EndHistory,
    now: datetime,
) -> EndDecision | None:
    """Return what has to change about a row, now that Stripe says this; None where it is to be."""
    told, at = reading.snapshot, reading.read_at
    if isinstance(told, SubscriptionSnapshot):
        tier = before.tier if before else ""
        membership = membership_from(
            told, tier=tier, before=before, history=history, at=at, now=now
        )
    else:
        membership = membership_gone(
            row.subscription_id, before=before, history=history, at=at, now=now
        )
    had_ended = before is not None and STANDINGS[before.status] is Standing.ENDED
    return decide(row, wanted_end(membership, history, now=now), had_ended=had_ended, now=now)
