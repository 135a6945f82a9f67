"""How the jobs do, as people see it: numbers of a window, the last error, alerts, and hours as lines of a chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from include.alerts.rules import load
from include.alerts.states import Phase
from include.relay.job_health import WINDOW, judge_job
from include.store.figures import Measurement, measure_all
from include.store.lookup import Lookup

if TYPE_CHECKING:
    from datetime import datetime

    from include.store import Store

HOUR = timedelta(hours=1)
CHART_HOURS = 48
WINDOWS = {"1": "the last hour", "24": "the last day", "168": "the last week"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job's numbers; `verdict` is of the last hour, whatever the window."""

    name: str
    verdict: str
    numbers: Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Lines over hours; `data` is what the page draws, `words` what it says to who does not see it."""

    title: str
    words: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All of it."""

    total: Measurement
    jobs: tuple[Job, ...]
    firing: tuple[str, ...]
    charts: tuple[Chart, ...]


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
    return Figures(
        total=measured[None],
        jobs=tuple(
            Job(
                name=name,
                verdict=str(judge_job(lately[name]).verdict) if name in lately else "idle",
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
    )


def charts(store: Store, *, now: datetime) -> tuple[Chart, ...]:
    """Return the charts of the last two days."""
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - CHART_HOURS * HOUR
    hours = [first + number * HOUR for number in range(CHART_HOURS + 1)]
    lookup = Lookup(store.connection)
    runs, rows = lookup.run_hours(since=first), lookup.row_hours(since=first)
    x = [int(one.timestamp()) for one in hours]
    ended = [runs.get(one, (0, 0)) for one in hours]
    took = [rows.get(one, (None, None)) for one in hours]
    well, failed = (sum(one[place] for one in ended) for place in (0, 1))
    slowest = max((one[1] for one in rows.values()), default=0)
    return (
        Chart(
            title="Runs that ended, by hour",
            words=f"{well} ended well and {failed} did not in the last {CHART_HOURS} hours",
            data=_data(
                x,
                ("well", "--good", [one[0] for one in ended]),
                ("failed", "--bad", [one[1] for one in ended]),
            ),
        ),
        Chart(
            title="What events took, in seconds, by hour",
            words=f"the slowest hour had a 95th percentile of {slowest:.1f} s",
            data=_data(
                x,
                ("median", "--good", [one[0] for one in took]),
                ("95 %", "--link", [one[1] for one in took]),
            ),
        ),
    )


def _data(x: list[int], *lines: tuple[str, str, list[Any]]) -> dict[str, Any]:
    series = [{"label": label, "color": color, "values": values} for label, color, values in lines]
    return {"x": x, "series": series}
