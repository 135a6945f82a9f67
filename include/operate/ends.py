"""The planned ends of memberships as people see them: to come, by day and as months, and kept by somebody lately."""

from __future__ import annotations

from calendar import Calendar
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from include.operate.options import Option, day, end_options, end_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from include.membership.ends import Deactivation
    from include.store import Store

MAX_SHOWN = 300
KEPT_SHOWN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedEnd:
    """One of them."""

    number: int
    member_id: UUID
    name: str | None
    words: str
    options: tuple[Option, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """Those of one day, UTC; `on` is None for those without a date."""

    on: date | None
    title: str
    ends: tuple[PlannedEnd, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarDay:
    """A day of a month, and how many memberships end on it."""

    on: date
    count: int
    is_listed: bool
    is_today: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """A month as weeks from Monday on; None stands where another month's day would."""

    title: str
    count: int
    weeks: tuple[tuple[CalendarDay | None, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """What is to come, by day and as months, and what a person has kept lately."""

    count: int
    days: tuple[Day, ...]
    months: tuple[Month, ...]
    kept: tuple[PlannedEnd, ...]


def read_ends(store: Store, *, now: datetime, sees_names: bool) -> Ends:
    """Return the planned ends: without a date first, then the next to come."""
    rows = store.deactivations.read_open()
    kept = [
        store.deactivations.get(one) for one in store.lookup.kept_by_hand(since=now - KEPT_SHOWN)
    ]
    found = [*rows[:MAX_SHOWN], *filter(None, kept)]
    names = store.lookup.names({one.member_id for one in found}) if sees_names else {}

    def shown(some: Sequence[Deactivation]) -> Iterator[PlannedEnd]:
        for one in some:
            known = names.get(one.member_id)
            yield PlannedEnd(
                number=one.id,
                member_id=one.member_id,
                name=(known.name or known.email) if known else None,
                words=end_words(one),
                options=tuple(end_options(one)),
            )

    days = [
        Day(on=on, title=day(some[0].deactivate_at), ends=tuple(shown(some)))
        for on, some in ((on, list(some)) for on, some in groupby(rows[:MAX_SHOWN], key=_date_of))
    ]
    return Ends(
        count=len(rows),
        days=tuple(days),
        months=tuple(_months(rows, listed={one.on for one in days}, today=now.astimezone(UTC))),
        kept=tuple(shown([one for one in kept if one])),
    )


def _date_of(end: Deactivation) -> date | None:
    return end.deactivate_at.astimezone(UTC).date() if end.deactivate_at else None


def _months(
    rows: Sequence[Deactivation], *, listed: set[date | None], today: datetime
) -> Iterator[Month]:
    """Yield this month, and each in which a membership ends."""
    counts = Counter(on for on in map(_date_of, rows) if on)
    for year, month in sorted({(one.year, one.month) for one in (*counts, today.date())}):
        weeks = [
            tuple(
                CalendarDay(
                    on=on, count=counts[on], is_listed=on in listed, is_today=on == today.date()
                )
                if on.month == month
                else None
                for on in week
            )
            for week in Calendar().monthdatescalendar(year, month)
        ]
        yield Month(
            title=f"{date(year, month, 1):%B %Y}",
            count=sum(one.count for week in weeks for one in week if one),
            weeks=tuple(weeks),
        )
