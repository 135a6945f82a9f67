"""State over order: which of an object's states wins, the known one, one that came, or the vendor's own.

Events come late, twice, and in any order, and Stripe's clock ticks in seconds. So an event's snapshot is
applied only if it is strictly newer than what is known and alone the newest that came. In every other case
(a tie, something older, an event that only names the object) the vendor is asked; and so it is when something
is seen for the first time, unless the event has only just happened. What is final, deleted or canceled, cannot
change and is asked about no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from include.events import SubscriptionSnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from include.events import Snapshot

CLOCK_SKEW = timedelta(seconds=5)
"""How far our clock, which dates what was read, may be from the vendor's, which dates events."""

FRESH = timedelta(minutes=1)
"""How old an event of something never seen may be so that it is taken for how things are."""


class ObjectKey(NamedTuple):
    """What tells a vendor's object apart: test and live mode share no objects."""

    provider: str
    mode: str
    object_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppliedObject:
    """The state of an object that was applied last."""

    key: ObjectKey
    member_id: UUID | None
    as_of: datetime  # the vendor's clock; ours where it was read from the vendor
    event_id: str | None  # None: read from the vendor
    is_final: bool  # deleted or canceled: it never changes again
    provides: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReport:
    """What one event says of one object: its state at a moment, or (None) only that it exists."""

    event_id: str
    occurred_at: datetime
    snapshot: Snapshot | None


class Resolution(Enum):
    """What to do about an object."""

    APPLY = auto()  # the newest report is the newest state
    ASK = auto()  # only the vendor knows
    KEEP = auto()  # what is known stays: it is final, or the newest report is where it came from


def resolve(
    known: AppliedObject | None, reports: Sequence[ObjectReport], *, now: datetime
) -> tuple[Resolution, ObjectReport]:
    """Decide about an object on which there is at least one report; returns the newest, too."""
    newest = max(reports, key=lambda report: report.occurred_at)
    if known is not None and known.is_final:
        return Resolution.KEEP, newest
    at_once = {r.event_id for r in reports if r.occurred_at == newest.occurred_at}
    if len(at_once) > 1:
        return Resolution.ASK, newest
    if known is not None and known.event_id == newest.event_id:
        return Resolution.KEEP, newest
    if newest.snapshot is None or not _is_enough(newest, known, now):
        return Resolution.ASK, newest
    return Resolution.APPLY, newest


def is_outdated(known: AppliedObject | None, report: ObjectReport) -> bool:
    """Tell whether something newer than this report was applied before it came."""
    return (
        known is not None
        and known.event_id != report.event_id
        and (known.is_final or report.occurred_at < known.as_of)
    )


def _is_enough(report: ObjectReport, known: AppliedObject | None, now: datetime) -> bool:
    """Tell whether a state is the newest there is; of something never seen only if it has just become so.

    An end that is told first leaves open whether anything was ever paid: only the vendor knows.
    """
    if known is not None:
        return _is_newer(report, known)
    if isinstance(report.snapshot, SubscriptionSnapshot) and report.snapshot.status.is_final:
        return report.snapshot.was_never_paid
    is_final = report.snapshot is not None and report.snapshot.is_final
    return is_final or report.occurred_at >= now - FRESH


def _is_newer(report: ObjectReport, known: AppliedObject) -> bool:
    was_read = known.event_id is None
    return report.occurred_at > known.as_of + (CLOCK_SKEW if was_read else timedelta(0))
