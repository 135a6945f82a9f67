"""What is to change in a target at Slack: pure functions from who is there to who should be.

A target is the user group or a channel. Nobody is removed before a grace period is over, and nothing is ever done
to staff, bots or protected people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.vendors.slack.workspace import SlackUserKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

NOBODY = "nobody at Slack is an active member, which looks like a fault of ours"
KEPT = (SlackUserKind.STAFF, SlackUserKind.GUEST, SlackUserKind.BOT)
"""A list that is wrong takes none of these out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipSnapshot:
    """Who should be where members are, by id at Slack."""

    wanted: frozenset[str]  # who has access
    kinds: Mapping[str, SlackUserKind]
    protected: frozenset[str]
    scope: frozenset[str] | None = None  # only these are looked at

    def is_ordinary(self, user_id: str) -> bool:
        """Tell whether something may be done to somebody."""
        return self.kinds.get(user_id) is SlackUserKind.PERSON and user_id not in self.protected

    def may_lose(self, user_id: str) -> bool:
        """Tell whether a place could lose somebody by a list that is wrong; who is on none could be anybody."""
        return user_id not in self.protected and self.kinds.get(user_id) not in KEPT

    def has_lapsed(self, user_id: str) -> bool:
        """Tell whether somebody should not be where members are."""
        return self.is_ordinary(user_id) and user_id not in self.wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalGrace:
    """How long who has lapsed may stay."""

    since: Mapping[str, datetime]
    now: datetime
    length: timedelta

    def is_over(self, user_id: str) -> bool:
        """Tell whether somebody's time is over; of one who lapsed just now it begins now."""
        return self.now - self.since.get(user_id, self.now) >= self.length


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetChange:
    """What is to change in one target; `ordinary` counts those there to whom something may be done."""

    add: frozenset[str]
    remove: frozenset[str]
    waiting: frozenset[str]  # lapsed, and in their grace period
    dropped: frozenset[str]  # gone from Slack, or what a group does not take
    after: frozenset[str]  # who is there then
    ordinary: int

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is to change."""
        return not (self.add or self.remove or self.dropped)


def difference(
    current: Collection[str],
    snapshot: MembershipSnapshot,
    grace: RemovalGrace,
    *,
    cannot_stay: Collection[SlackUserKind] = (),
) -> TargetChange:
    """Return what is to change; `cannot_stay` are kinds that the target does not take at all."""
    there = frozenset(current)
    seen = there if snapshot.scope is None else there & snapshot.scope
    wanted = snapshot.wanted if snapshot.scope is None else snapshot.wanted & snapshot.scope
    dropped = frozenset(
        user_id
        for user_id in seen
        if snapshot.kinds.get(user_id, SlackUserKind.GONE) in cannot_stay
    )
    lapsed = frozenset(filter(snapshot.has_lapsed, seen)) - dropped
    remove = frozenset(filter(grace.is_over, lapsed))
    add = frozenset(filter(snapshot.is_ordinary, wanted)) - there
    return TargetChange(
        add=add,
        remove=remove,
        waiting=lapsed - remove,
        dropped=dropped,
        after=(there - dropped - remove) | add,
        ordinary=sum(map(snapshot.is_ordinary, there)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """How many may be removed at once: a share of who is there, or what a person has confirmed."""

    share: float
    confirmed: int = field(default=0)

    def refusal(self, change: TargetChange) -> str | None:
        """Return why a change needs a person first, or None where it does not."""
        removed = len(change.remove) + len(change.dropped)  # a list cut short has many who are gone
        there = change.ordinary + len(change.dropped)
        if removed <= self.confirmed:
            return None
        if removed > self.share * there:
            return (
                f"would remove {removed} of {there}, and the limit is {self.share:.0%}: "
                f"look at a dry run, then start by hand with up to {removed} removals"
            )
        return None
