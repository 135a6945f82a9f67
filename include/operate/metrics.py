"""How the jobs do, as people see it: numbers of a window, the last error, alerts, charts, a strip of starts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from include.alerts.rules import load
from include.alerts.states import Phase
from include.relay.job_health import WINDOW, assess_job
from include.store.cron_ticks import TickOutcome
from include.store.metrics import Measurement, measure_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.store import Store

HOUR = timedelta(hours=1)
CHART_HOURS, STRIP_HOURS = 48, 24
WORST = (TickOutcome.MISSED, TickOutcome.SKIPPED, TickOutcome.LATE, TickOutcome.RAN)
WINDOWS = {"1": "the last hour", "24": "the last day", "168": "the last week"}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFigures:
    """A job's numbers; `status` is of the last hour, whatever the window."""

    name: str
    status: str
    numbers: Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Lines over hours; `data` is what the page draws, `words` what it says to who does not see it."""

    title: str
    words: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What became of a job's expected starts in an hour: the worst of it, and all in words; None: there was none."""

    outcome: str | None
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """A job's hours, the oldest first."""

    job: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All of it."""

    total: Measurement
    jobs: tuple[JobFigures, ...]
    firing: tuple[str, ...]
    charts: tuple[Chart, ...]
    hours: tuple[datetime, ...]  # of the strips
    strips: tuple[Strip, ...]


def read_figures(store: Store, *, now: datetime, hours: int) -> Figures:
    """Return how the jobs did in the hours up to now."""
    lately = measure_all(store, now=now, window=WINDOW)
    measured = (
        lately
        if timedelta(hours=hours) == WINDOW
        else measure_all(store, now=now, window=timedelta(hours=hours))
    )
    jobs = sorted(name for name in {*measured, *lately} if name)
    rules = {rule.name for rule in load()}
    strip_hours = _hours(now, STRIP_HOURS - 1)
    return Figures(
        total=measured[None],
        jobs=tuple(
            JobFigures(
                name=name,
                status=str(assess_job(lately[name]).status) if name in lately else "idle",
                numbers=measured.get(name) or Measurement(job=name, at=now, window=WINDOW),
            )
            for name in jobs
        ),
        firing=tuple(
            name
            for name, state in store.alerts.states().items()
            if state.phase is Phase.FIRING and name in rules
        ),
        charts=charts(store, now=now),
        hours=tuple(strip_hours),
        strips=strips(store, strip_hours),
    )


def charts(store: Store, *, now: datetime) -> tuple[Chart, ...]:
    """Return the charts of the last two days."""
    hours = _hours(now, CHART_HOURS)
    first = hours[0]
    runs, rows = store.lookup.run_hours(since=first), store.lookup.row_hours(since=first)
    x = [int(one.timestamp()) for one in hours]
    ended = [runs.get(one, (0, 0)) for one in hours]
    took = [rows.get(one, (None, None)) for one in hours]
    well, failed = (sum(one[place] for one in ended) for place in (0, 1))
    slowest = max((one[1] for one in rows.values()), default=0)
    ages = store.lookup.age_hours(since=first)
    oldest = max(ages.values(), default=0)
    return (
        Chart(
            title="Runs that ended, by hour",
            words=f"{well} ended well and {failed} did not in the last {CHART_HOURS} hours",
            data=chart_data(
                x,
                ("well", "--good", [one[0] for one in ended]),
                ("failed", "--bad", [one[1] for one in ended]),
            ),
        ),
        Chart(
            title="What events took, in seconds, by hour",
            words=f"the slowest hour had a 95th percentile of {slowest:.1f} s",
            data=chart_data(
                x,
                ("median", "--good", [one[0] for one in took]),
                ("95 %", "--link", [one[1] for one in took]),
            ),
        ),
        Chart(
            title="Age of the inbox: the oldest event that waited, in seconds, by hour",
            words=f"the oldest had waited {oldest:.0f} s",
            data=chart_data(x, ("oldest", "--link", [ages.get(one) for one in hours])),
        ),
    )


def strips(store: Store, hours: Sequence[datetime]) -> tuple[Strip, ...]:
    """Return what became of the expected starts of each scheduled job in these hours."""
    found: dict[str, dict[datetime, list[TickOutcome]]] = defaultdict(lambda: defaultdict(list))
    for tick in store.cron_ticks.since(hours[0]):
        found[tick.job][_hour_of(tick.tick_at)].append(tick.outcome)
    return tuple(
        Strip(job=job, cells=tuple(_cell(ticks.get(hour, ())) for hour in hours))
        for job, ticks in sorted(found.items())
    )


def _cell(outcomes: Sequence[TickOutcome]) -> Cell:
    some = [one for one in WORST if one in outcomes]
    words = ", ".join(f"{outcomes.count(one)} {one}" for one in some)
    return Cell(outcome=str(some[0]) if some else None, words=words or "none was due")


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hours(now: datetime, count: int) -> list[datetime]:
    """Return so many hours before this one, and this one."""
    return [_hour_of(now) - number * HOUR for number in range(count, -1, -1)]


def chart_data(x: list[int], *lines: tuple[str, str, list[Any]]) -> dict[str, Any]:
    """Return lines as the page draws them: each a label, the name of its colour, a value for each moment."""
    series = [{"label": label, "color": color, "values": values} for label, color, values in lines]
    return {"x": x, "series": series}
