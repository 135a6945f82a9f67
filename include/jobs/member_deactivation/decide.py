"""What has to change about an end now, and what members are without the memberships that end. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from include.events import SubscriptionSnapshot, SubscriptionStatus
from include.membership.end_rules import decide, membership_from, membership_gone, wanted_end
from include.membership.merging import membership_of
from include.membership.standing import STANDINGS, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from include.jobs.mailchimp_sync.vendors import ObjectReading
    from include.membership.end_rules import EndDecision, EndHistory
    from include.membership.ends import Deactivation
    from include.membership.members import Member, Membership

FRESH = timedelta(seconds=30)
"""How old Stripe's word may be: an older one is asked for again, for a task may be cleared days later."""


def row_id_from(conf: Mapping[str, object]) -> int:
    """Return the row that a run was made for; 0 where it does not say, as no row is called."""
    row_id = conf.get("deactivation_id")
    return row_id if isinstance(row_id, int) else 0


def is_stale(row: Deactivation, *, now: datetime) -> bool:
    """Tell whether Stripe has to be asked again before a row is carried out."""
    return row.decided_at is None or now - row.decided_at > FRESH


def decision_about(
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


def members_after(
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
    ending = membership_of(member, row.subscription_id)
    if ending is None or STANDINGS[ending.status] is Standing.ENDED:
        return member
    over = replace(
        ending,
        status=SubscriptionStatus.CANCELED,
        ended_at=ending.ended_at or row.deactivate_at,
    )
    others = (over if m is ending else m for m in member.memberships)
    return replace(member, memberships=tuple(others))
