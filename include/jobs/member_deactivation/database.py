"""Update the database: the membership is over, the profile is hidden, all under the member's lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from include.batches import batches
from include.events import SubscriptionStatus
from include.jobs.mailchimp_sync.vendors import VendorReader
from include.jobs.member_deactivation.check import CHUNK_ROWS, fail_unanswered
from include.jobs.member_deactivation.judging import judge, locked, membership_of
from include.membership.members import state_of
from include.membership.standing import STANDINGS, Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from include.clients.stripe import Stripe
    from include.clock import Clock
    from include.errors import VendorError
    from include.membership.ends import Deactivation
    from include.membership.members import Member
    from include.store import Store

FRESH = timedelta(seconds=30)
"""How old Stripe's word may be: an older one is asked for again, for a task may be cleared days later."""

log = structlog.get_logger(__name__)


def update_database(
    *,
    dag_run_id: str,
    store: Store,
    stripe: Stripe,
    clock: Clock,
    is_last_try: bool = False,
) -> int:
    """End the memberships that the run has decided about; return how many. Again, it ends none.

    What an earlier run has ended, and not brought to Mailchimp, is handed on to the next step.

    Raises VendorUnavailableError where Stripe has to be asked again and is down, after all else is done.
    """
    open_ids = [
        row.id
        for row in store.deactivations.taken(dag_run_id)
        if row.decided_at is not None or row.applied_at is not None
    ]
    vendors, ended = VendorReader(stripe, None, clock), 0
    unanswered: dict[int, VendorError] = {}
    for ids in batches(open_ids, CHUNK_ROWS):
        with store.transaction():
            rows, members = locked(ids, dag_run_id=dag_run_id, store=store)
            earlier = [row for row in rows if row.applied_at is not None]
            rows = [row for row in rows if row.applied_at is None]
            stale = [r for r in rows if _is_stale(r, clock) or r.member_id not in members]
            verdicts = judge(
                stale, members, dag_run_id=dag_run_id, store=store, vendors=vendors, clock=clock
            )
            passed = {row.id for row in rows if row not in stale}.union(verdicts.to_be)
            to_be = [row for row in rows if row.id in passed]
            _end(to_be, members, store=store, clock=clock)
            _hand_on([*to_be, *earlier], members, dag_run_id=dag_run_id, store=store)
            unanswered |= verdicts.unanswered
            ended += len(to_be)
    fail_unanswered(unanswered, store=store, clock=clock, is_last_try=is_last_try)
    log.info("memberships.ended", count=ended)
    return ended


def _is_stale(row: Deactivation, clock: Clock) -> bool:
    return row.decided_at is None or clock.now() - row.decided_at > FRESH


def _end(
    rows: Sequence[Deactivation],
    members: Mapping[UUID, Member],
    *,
    store: Store,
    clock: Clock,
) -> None:
    """Write the new states; what is called at Mailchimp follows from them."""
    now = clock.now()
    after = _members_after(rows, members)
    store.members.save([m for m in after.values() if m != members[m.id]], known=members, now=now)
    gone = [member.id for member in after.values() if standing_of(member) <= Standing.ENDED]
    hidden = store.deactivations.hide_profiles(gone, now=now)
    store.deactivations.apply([row.id for row in rows], hidden=hidden, now=now)


def _hand_on(
    rows: Iterable[Deactivation], members: Mapping[UUID, Member], *, dag_run_id: str, store: Store
) -> None:
    """Let the next steps bring the members of these rows in line, and know how they were before."""
    before = {row.member_id: members[row.member_id] for row in rows if row.member_id in members}
    store.run_members.open(dag_run_id, {m: state_of(member) for m, member in before.items()})


def _members_after(
    rows: Iterable[Deactivation], members: Mapping[UUID, Member]
) -> dict[UUID, Member]:
    """Return the members of these rows as they are without the memberships that end."""
    after: dict[UUID, Member] = {}
    for row in rows:
        member = after.get(row.member_id, members[row.member_id])
        after[row.member_id] = _without(member, row)
    return after


def _without(member: Member, row: Deactivation) -> Member:
    """Return a member whose membership is over, since the moment that it had."""
    ending = membership_of(member, row)
    if ending is None or STANDINGS[ending.status] is Standing.ENDED:
        return member
    over = replace(
        ending,
        status=SubscriptionStatus.CANCELED,
        ended_at=ending.ended_at or row.deactivate_at,
    )
    others = (over if m is ending else m for m in member.memberships)
    return replace(member, memberships=tuple(others))
