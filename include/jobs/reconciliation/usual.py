"""What is usual of a vendor's webhooks in each hour of the week, and what is not: an absence, a rise. Pure.

An absence is judged by the same hours of the weeks before. Where K came in them over N weeks and none comes in such
hours now, chance alone does that with (N / (N + 1)) ** K: the exact Poisson test of two counts, which knows how little
a few weeks say of a rate. The rhythm of days, nights and weekends is in it, because only like hours are compared.

It is on the safe side by design: what somebody does brings several webhooks within a minute and counts once; only full
hours are absent; one flood, such as an import, is not usual; people's clocks change by an hour twice a year; with less
than four weeks before nothing is said. A rise is judged by days: what a forger or an outage makes follows no law of
chance.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import log, log1p
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Hours = Mapping[int, int]
    """Full hour since 1970, UTC → how many; one without any need not be there."""

DAY: Final = 24  # hours
WEEK: Final = 7 * DAY
MIN_WEEKS: Final = 4
MAX_WEEKS: Final = 8
REACH_WEEKS: Final = 12  # are looked at: an absence of more than eight of them is what is usual now
ONCE_IN: Final = 1000  # such hours chance makes an absence that is told
FEW: Final = 20  # in a day are no rise, whatever is usual
RISE: Final = 2  # times what is usual of a day


@dataclass(frozen=True, kw_only=True, slots=True)
class Absence:
    """Nothing of a type has come for so many hours, in which so many are usual; without a type, nothing at all."""

    type: str | None
    begin: int  # the first full hour of it
    hours: int
    usual: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rise:
    """There was much more of something in the last 24 hours than on nine days of ten before: `usual`."""

    what: str
    count: int
    usual: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What is counted by hour; under None is what came of any type."""

    acts: Mapping[str | None, Hours]  # by type: minutes in which one came
    came: Hours  # webhooks
    shares: Mapping[str, Hours] = field(default_factory=dict)  # of them: late, again
    refused: Mapping[str, Hours] = field(default_factory=dict)  # by reason


def absences(counts: Counts, *, now: int, explained: int = 0) -> list[Absence]:
    """Return the types of which none comes, against chance; one that says so of all where nothing comes at all.

    That none came in hours before `explained` is no news: why is known.
    """
    first = min(counts.acts.get(None, ()), default=now)
    found = [
        absence
        for kind, hours in counts.acts.items()
        if (absence := _absence(kind, hours, first=first, begin=explained, now=now))
    ]
    of_all = [one for one in found if one.type is None]
    return of_all or sorted(found, key=lambda one: (one.begin, one.type or ""))


def _absence(kind: str | None, hours: Hours, *, first: int, begin: int, now: int) -> Absence | None:
    last = max(hours)
    begin = max(last + 1, begin)
    weeks = weeks_before(last + 1, first)
    if weeks < MIN_WEEKS:
        return None
    week = usual_week(hours, end=last + 1, weeks=weeks)
    # Clocks that change move the rhythm by an hour, so an hour at one of both ends may rightly be without any.
    unlikely = min(
        sum(week[hour] * weeks * log1p(times / weeks) for hour, times in _places(gap).items())
        for gap in (range(begin + 1, now), range(begin, now - 1))
    )
    if unlikely < log(ONCE_IN):
        return None
    usual = sum(week[hour] * times for hour, times in _places(range(begin, now)).items())
    return Absence(type=kind, begin=begin, hours=now - begin, usual=usual)


def _places(hours: range) -> Mapping[int, int]:
    """Count how often each hour of the week is among these hours."""
    return Counter(hour % WEEK for hour in hours)


def weeks_before(hour: int, first: int) -> int:
    """Return how many weeks before an hour say what is usual, where `first` is the first hour of all."""
    return max(0, min(MAX_WEEKS, (hour - first) // WEEK))


def usual_week(hours: Hours, *, end: int, weeks: int) -> list[float]:
    """Return how many are usual in each hour of the week (`hour % WEEK`), by so many weeks before `end`."""
    last = (end - 1 - (end - 1 - place) % WEEK for place in range(WEEK))
    return [
        _without_flood([hours.get(hour - number * WEEK, 0) for number in range(weeks)]) / weeks
        for hour in last
    ]


def _without_flood(counts: list[int]) -> int:
    """Sum up an hour of some weeks: the fullest counts as the second does, and one more at most."""
    *_, second, fullest = sorted(counts)
    return sum(counts) - max(0, fullest - second - 1)


def rises(counts: Counts, *, now: int) -> Iterator[Rise]:
    """Yield the refusals and the shares that have risen in the last 24 hours against the days of the weeks before.

    What goes on at its new height is told for some days: then it is usual.
    """
    weeks = weeks_before(now - DAY, min(counts.came, default=now))
    if weeks < MIN_WEEKS:
        return
    before = range(now - DAY - weeks * WEEK, now - DAY, DAY)
    for reason, hours in sorted(counts.refused.items()):
        if rise := _rise(f"refused: {reason}", hours, before):
            yield rise
    usual, lately = _sum(counts.came, before.start, before.stop), _sum(counts.came, now - DAY, now)
    for what, hours in sorted(counts.shares.items()):
        rise = _rise(what, hours, before)
        of_usual = _sum(hours, before.start, before.stop)
        if rise and rise.count * usual > RISE * of_usual * max(lately, 1):
            yield rise


def _rise(what: str, hours: Hours, before: range) -> Rise | None:
    """Compare the day after those that begin at `before` with them."""
    count = _sum(hours, before.stop, before.stop + DAY)
    days = sorted(_sum(hours, begin, begin + DAY) for begin in before)
    usual = days[len(days) * 9 // 10]
    if count < FEW or count <= RISE * usual:
        return None
    return Rise(what=what, count=count, usual=usual)


def _sum(hours: Hours, begin: int, end: int) -> int:
    return sum(hours.get(hour, 0) for hour in range(begin, end))
