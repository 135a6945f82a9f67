"""Is a membership that is due to end still to end? Asked of Stripe itself, under the member's lock.

What events have told us does not count here: the one that takes the end back may still be on its way. So a
member who came back before her last second stays; and one who does after it is a new activation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from include.errors import VendorError
from include.events.rereads import ObjectKind
from include.jobs.member_deactivation.decide import decision_about
from include.membership.end_rules import EndAction, EndHistory
from include.membership.merging import membership_of
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
    from uuid import UUID

    from include.clock import Clock
    from include.jobs.mailchimp_sync.vendors import VendorReader
    from include.membership.ends import Deactivation
    from include.membership.members import Member
    from include.store import Store

ACCOUNT_GONE = "the platform's row is gone"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndResolutions:
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


def resolve(  # noqa: PLR0913 - what is asked about, and collaborators, by name
    rows: Sequence[Deactivation],
    members: Mapping[UUID, Member],
    *,
    dag_run_id: str,
    store: Store,
    vendors: VendorReader,
    clock: Clock,
) -> EndResolutions:
    """Ask Stripe about rows whose members are locked; revoke and move what is not to be, or not now."""
    resolutions = EndResolutions()
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
            resolutions.unanswered[row.id] = reading
            continue
        history = EndHistory(
            latest=row,
            refunds=refunds.get(row.subscription_id, ()),
            deleted_at=member.deleted_at,
        )
        decision = decision_about(
            row, membership_of(member, row.subscription_id), reading, history, by.now
        )
        if decision is None:
            resolutions.to_be.append(row.id)
        else:
            whose = MembershipReference(row.member_id, row.subscription_id)
            carry_out(decision, row, whose, by=by, store=store)
            is_back = decision.act is EndAction.REVOKE
            log.info("deactivation.revoked" if is_back else "deactivation.moved", id=row.id)
    return resolutions


def _key(row: Deactivation) -> ObjectKey:
    return ObjectKey("stripe", "", row.subscription_id)
