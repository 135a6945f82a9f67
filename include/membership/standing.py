"""What a membership means: how good a member's standing is, and what it opens. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from include.events import SubscriptionStatus as Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from include.membership.members import Member, Membership


class Standing(IntEnum):
    """How good a member's standing is; the best of her memberships counts."""

    NONE = 0  # never began
    ENDED = 1
    PAUSED = 2
    PAST_DUE = 3
    ACTIVE = 4


STANDINGS = {
    Status.INCOMPLETE: Standing.NONE,
    Status.INCOMPLETE_EXPIRED: Standing.NONE,
    Status.CANCELED: Standing.ENDED,
    Status.PAUSED: Standing.PAUSED,
    Status.UNPAID: Standing.PAST_DUE,
    Status.PAST_DUE: Standing.PAST_DUE,
    Status.TRIALING: Standing.ACTIVE,
    Status.ACTIVE: Standing.ACTIVE,
}


def standing_of(member: Member) -> Standing:
    """Return the best standing of her memberships; a deleted account has ended."""
    if member.deleted_at is not None:
        return Standing.ENDED
    membership = current_membership(member.memberships)
    return Standing.NONE if membership is None else STANDINGS[membership.status]


def current_membership(memberships: Sequence[Membership]) -> Membership | None:
    """Return the membership that counts: the best one, then the one that lasts longest."""
    return max(memberships, key=_rank, default=None)


def goes_on(membership: Membership) -> bool:
    """Tell whether somebody is charged for it, and has not asked to end it."""
    is_charged = STANDINGS[membership.status] in (Standing.ACTIVE, Standing.PAST_DUE)
    return is_charged and membership.ended_at is None and not membership.is_canceling


def has_access(member: Member) -> bool:
    """Tell whether what a membership opens is open to her: at the platform and at each vendor alike."""
    return access_of(member) >= Standing.PAST_DUE


def access_of(member: Member) -> Standing:
    """Return her standing as far as it opens something: to who is barred nothing is open."""
    return Standing.ENDED if member.is_barred else standing_of(member)


def is_new_member(
    before: Iterable[Membership], after: Member, *, now: datetime, within: timedelta
) -> bool:
    """Tell whether she begins to be a member now, for the first time ever: then she is welcomed.

    A membership that was in good standing before anybody noted when it began is not a first one; and one
    that began longer ago than `within` is not new, whenever we hear of it.
    """
    had_one = any(
        membership.first_active_at is not None or STANDINGS[membership.status] > Standing.ENDED
        for membership in before
    )
    began = [m.first_active_at for m in after.memberships if m.first_active_at is not None]
    is_recent = all(instant >= now - within for instant in began)
    return standing_of(after) is Standing.ACTIVE and not had_one and is_recent


def _rank(membership: Membership) -> tuple[int, float, str]:
    end = membership.current_period_end
    lasts_until = end.timestamp() if end else 0.0
    return STANDINGS[membership.status], lasts_until, membership.subscription_id or ""
