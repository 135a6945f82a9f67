"""What the rules were told, minute by minute, played again: what would have fired when.

A window's numbers are put together from the minutes in it, so a backtest is exact to the minute. It does not see
what a person has cleared since, and no duration: rules about durations and latency are left out, and named.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from include.alerts.readings import reading_of
from include.alerts.states import (
    PACE,
    AlertEventType,
    AlertState,
    alert_event_from,
    forgotten,
    step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from include.alerts.rules import AlertRule
    from include.alerts.states import AlertEvent

COUNTS: Final = ("success_count", "failure_count", "lost_count", "refused_count", "missed_events")
GAUGES: Final = (
    "running_jobs",
    "queued_jobs",
    "dlq_count",
    "oldest_waiting_seconds",
    "silent_minutes",
)
KEPT: Final = frozenset({*COUNTS, *GAUGES, "total_runs", "failure_rate", "success_rate"})
"""Numbers that history can tell."""

MAX_GAP: Final = 3 * PACE
"""Between two samples; after a longer one nothing is known of what was pending."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One job's numbers at an instant, or (job None) those of all; counts are of the time since `since`."""

    at: datetime
    job: str | None
    since: datetime
    success_count: int
    failure_count: int
    lost_count: int
    running_jobs: int
    queued_jobs: int | None
    dlq_count: int | None
    oldest_waiting_seconds: float | None
    refused_count: int = 0
    missed_events: int = 0
    silent_minutes: float | None

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing happened and nothing waits."""
        return not any(getattr(self, name) for name in (*COUNTS, *GAUGES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """One time that a rule fired, or would have."""

    rule: str
    job: str | None
    since: datetime
    fired_at: datetime
    resolved_at: datetime | None
    numbers: Mapping[str, float | None]


Pair = tuple[Firing | None, Firing | None]
"""(played again, as it was kept): the same firing, or None where the other has none."""


class SampleHistory:
    """Samples by job, ready to be asked for any window."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Sort the samples."""
        by_job: dict[str | None, list[Sample]] = {}
        for sample in samples:
            by_job.setdefault(sample.job, []).append(sample)
        self._series = {
            job: _Series(sorted(found, key=lambda one: one.at)) for job, found in by_job.items()
        }
        self.instants = tuple(self._series[None].ats) if None in self._series else ()

    def numbers(self, at: datetime, window: timedelta, job: str | None) -> dict[str, float | None]:
        """Return a job's numbers at one of the instants."""
        series = self._series.get(job)
        counts = series.counts(at, window) if series else dict.fromkeys(COUNTS, 0)
        gauges = series.gauges(at) if series else None
        if gauges is None:  # a job without a sample at an instant had nothing then
            everybody = self._series[None].gauges(at) or {}
            gauges = {name: None if everybody.get(name) is None else 0 for name in GAUGES}
        total = counts["success_count"] + counts["failure_count"]
        return {
            **counts,
            **gauges,
            "total_runs": total,
            "failure_rate": counts["failure_count"] / total if total else None,
            "success_rate": counts["success_count"] / total if total else None,
        }


class _Series:
    """The samples of one job, with running sums."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.ats = [sample.at for sample in samples]
        self._samples = samples
        self._sums = {
            name: [0, *accumulate(getattr(sample, name) for sample in samples)] for name in COUNTS
        }

    def counts(self, at: datetime, window: timedelta) -> dict[str, int]:
        first, last = bisect_right(self.ats, at - window), bisect_right(self.ats, at)
        return {name: sums[last] - sums[first] for name, sums in self._sums.items()}

    def gauges(self, at: datetime) -> dict[str, float | None] | None:
        place = bisect_right(self.ats, at) - 1
        if place < 0 or self.ats[place] != at:
            return None
        return {name: getattr(self._samples[place], name) for name in GAUGES}


def untellable(rule: AlertRule) -> list[str]:
    """Return the numbers of a rule that history cannot tell."""
    return [name for name in rule.names if name not in KEPT]


def play(rule: AlertRule, history: SampleHistory) -> Iterator[AlertEvent]:
    """Yield what would have happened to a rule, oldest first."""
    state, last = AlertState(rule=rule.name), None
    for at in history.instants:
        if last is not None and at - last > MAX_GAP:
            state = forgotten(state)
        numbers = {job: history.numbers(at, rule.window, job) for job in rule.candidates()}
        reading = reading_of(rule, numbers)
        before, last = state, at
        if not reading.is_known and numbers_are_missing(rule, numbers):
            continue
        state, what = step(rule, before, reading, now=at)
        if what is not None:
            yield alert_event_from(state, what, at=at, since=before.since)


def numbers_are_missing(
    rule: AlertRule, numbers: Mapping[str | None, Mapping[str, float | None]]
) -> bool:
    """Tell whether a number of the present is not known: the instant says nothing of such a rule."""
    return any(
        one.get(name) is None for one in numbers.values() for name in rule.names if name in GAUGES
    )


def firings(changes: Iterable[AlertEvent]) -> list[Firing]:
    """Return the firings that these changes, oldest first, tell of."""
    found: dict[tuple[str, datetime], Firing] = {}
    for change in changes:
        if change.fired_at is None or change.what is AlertEventType.REPEATED:
            continue
        key = change.rule, change.fired_at
        fired = found.get(key)
        if change.what is AlertEventType.FIRED:
            found[key] = Firing(
                rule=change.rule,
                job=change.reading.job,
                since=change.since,
                fired_at=change.fired_at,
                resolved_at=None,
                numbers=change.reading.numbers,
            )
        elif fired is not None:
            found[key] = replace(fired, resolved_at=change.at)
    return list(found.values())


def backtest(rules: Sequence[AlertRule], samples: Iterable[Sample]) -> list[Firing]:
    """Return what these rules would have fired, in order of time."""
    history = SampleHistory(samples)
    found = [
        firing for rule in rules if not untellable(rule) for firing in firings(play(rule, history))
    ]
    return sorted(found, key=lambda firing: (firing.fired_at, firing.rule))


def paired(played: Sequence[Firing], kept: Sequence[Firing]) -> list[Pair]:
    """Put firings of a rule together that began within a minute of each other; in order of time."""
    left = list(kept)
    pairs: list[Pair] = []
    for one in played:
        same = next(
            (k for k in left if k.rule == one.rule and abs(k.fired_at - one.fired_at) <= PACE), None
        )
        if same is not None:
            left.remove(same)
        pairs.append((one, same))
    pairs += [(None, one) for one in left]
    return sorted(pairs, key=lambda pair: next(one.fired_at for one in pair if one))
