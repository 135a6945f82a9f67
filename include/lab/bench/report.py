"""The figures for people: ours, those of what they are compared with, the goal, and whether it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Results = dict[str, Any]
BASELINE = "baseline"  # in results: the figures beside ours; at the top: whose they are
PLAIN_AIRFLOW = "plain Airflow"
MUCH_WORSE = 4 / 3
SEEN_SHARE = 0.01  # of the largest part; what is smaller is no part of an answer
SLOW_MAILCHIMP = "slow Mailchimp"  # in results: what was measured with `--mailchimp-ms`


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure is to reach: at most `goal`, or at least it."""

    label: str
    words: str  # the label of a reader who has no time to ask
    path: tuple[str, ...]
    goal: float
    unit: str
    at_least: bool = False
    parts: tuple[
        str, ...
    ] = ()  # where the results have what it is made of, or what takes the machine meanwhile

    def is_reached(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value >= self.goal if self.at_least else value <= self.goal


GOALS = (
    Goal(
        label="latency, p50",
        words="webhook sent → row processed, p50",
        path=("latency", "p50"),
        goal=0.5,
        unit="s",
        parts=("latency", "hops"),
    ),
    Goal(
        label="latency, p95",
        words="the same, p95",
        path=("latency", "p95"),
        goal=0.75,
        unit="s",
        parts=("latency", "hops"),
    ),
    Goal(
        label="CPU of each",
        words="CPU time of each, all processes, the pauses between them too",
        path=("latency", "cpu_seconds_per_event"),
        goal=0.5,
        unit="s",
        parts=("latency", "cpu_each"),
    ),
    Goal(
        label="burst of 200",
        words="200 webhooks at once, until the last is processed",
        path=("burst", "200", "seconds"),
        goal=2.2,
        unit="s",
        parts=("burst", "200", "cpu_each"),
    ),
    Goal(
        label="burst of 1,000",
        words="1,000 at once",
        path=("burst", "1000", "seconds"),
        goal=5,
        unit="s",
        parts=("burst", "1000", "cpu_each"),
    ),
    Goal(
        label="burst of 5,000",
        words="5,000 at once",
        path=("burst", "5000", "seconds"),
        goal=15,
        unit="s",
        parts=("burst", "5000", "cpu_each"),
    ),
    Goal(
        label="burst of 20,000",
        words="20,000 at once",
        path=("burst", "20000", "seconds"),
        goal=60,
        unit="s",
        parts=("burst", "20000", "cpu_each"),
    ),
    Goal(
        label="latency, slow Mailchimp",
        words="a single webhook, p50, where Mailchimp takes 200 ms a call (`--mailchimp-ms 200`)",
        path=(SLOW_MAILCHIMP, "latency", "p50"),
        goal=1.2,
        unit="s",
        parts=(SLOW_MAILCHIMP, "latency", "hops"),
    ),
    Goal(
        label="5,000, slow Mailchimp",
        words="5,000 at once, the same",
        path=(SLOW_MAILCHIMP, "burst", "5000", "seconds"),
        goal=40,
        unit="s",
        parts=(SLOW_MAILCHIMP, "burst", "5000", "parts"),
    ),
    Goal(
        label="ingest, at once",
        words="webhooks acknowledged, 64 connections",
        path=("ingest", "acknowledged_per_second"),
        goal=500,
        unit="/s",
        at_least=True,
    ),
    Goal(
        label="ingest p99, 100/s",
        words="answer at 100/s, p99",
        path=("ingest", "p99_at_100"),
        goal=0.05,
        unit="s",
    ),
    Goal(
        label="memory, PSS",
        words="memory of all processes, PSS",
        path=("footprint", "pss_total"),
        goal=700,
        unit="MiB",
        parts=("footprint", "pss"),
    ),
    Goal(
        label="idle CPU, cores",
        words="CPU of the idle stack, cores",
        path=("footprint", "idle_cpu_share"),
        goal=0.05,
        unit="",
        parts=("footprint", "idle_cpu"),
    ),
    Goal(
        label="a member found, p95",
        words="a member found by address, name or customer among a million events, p95",
        path=("search", "member_p95"),
        goal=0.05,
        unit="s",
    ),
    Goal(
        label="search, p95",
        words="search among a million events until the page found is there, p95",
        path=("search", "p95"),
        goal=0.3,
        unit="s",
    ),
    Goal(
        label="a sleeper, PSS",
        words="memory of a planned end",
        path=("sleepers", "pss_each_kib"),
        goal=1,
        unit="KiB",
        parts=("sleepers", "pss_added_mib"),
    ),
    Goal(
        label="sleepers, cores",
        words="CPU of 10,000 planned ends, cores",
        path=("sleepers", "idle_cpu_added"),
        goal=0.02,
        unit="",
        parts=("sleepers", "idle_cpu_added_by"),
    ),
    Goal(
        label="latency beside",
        words="latency beside 10,000 planned ends",
        path=("sleepers", "latency_ratio"),
        goal=1.1,
        unit="times",
    ),
    Goal(
        label="due at once, p95",
        words="1,000 memberships that end in one second: the last 5 %, after it",
        path=("sleepers", "due_lag_p95"),
        goal=5,
        unit="s",
        parts=("sleepers", "due_parts"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class ReportLine:
    """One line of the table."""

    goal: Goal
    ours: float
    baseline: float | None

    @property
    def ratio(self) -> float | None:
        """Return how many times the other's value is ours; none where ours is lost in the noise."""
        return self.baseline / self.ours if self.baseline and self.ours > 0 else None

    @property
    def is_much_worse(self) -> bool:
        """Tell whether ours is worse than the other's by more than a third of it."""
        if not self.baseline or self.ours <= 0:
            return False
        share = self.baseline / self.ours if self.goal.at_least else self.ours / self.baseline
        return share > MUCH_WORSE

    @property
    def is_reached(self) -> bool:
        """Tell whether the goal is reached."""
        return self.goal.is_reached(self.ours)


def lines(results: Results) -> Iterator[ReportLine]:
    """Yield a line for each goal whose figure was measured."""
    for goal in GOALS:
        ours = _at(results, goal.path)
        if ours is not None:
            baseline = _at(results, (*goal.path[:-1], BASELINE, goal.path[-1]))
            yield ReportLine(goal=goal, ours=ours, baseline=baseline)


def failures(results: Results) -> dict[str, str]:
    """Return the reason of each figure that could not be measured, by its path."""
    return dict(_failures(results, ""))


def _failures(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        here = f"{path} {name}".strip()
        if name == "failed":
            yield path, str(value)
        elif isinstance(value, dict):
            yield from _failures(value, here)


def _at(results: Results, path: tuple[str, ...]) -> float | None:
    """Return the number at a path, None where there is none."""
    found = _found(results, path)
    return float(found) if isinstance(found, (int, float)) else None


def _found(results: Results, path: tuple[str, ...]) -> Any:
    """Return what is at a path, None where there is nothing."""
    start: Any = results
    return reduce(lambda node, key: node.get(key) if isinstance(node, dict) else None, path, start)


def table(results: Results) -> Table:
    """Return the table."""
    shown = Table("figure", "ours", _beside(results), "times", "goal", "reached")
    for column in shown.columns[1:5]:
        column.justify = "right"
    for line in lines(results):
        goal = line.goal
        bound = "≥" if goal.at_least else "≤"
        shown.add_row(
            goal.label,
            number(line.ours, goal.unit),
            "" if line.baseline is None else number(line.baseline, goal.unit),
            "" if line.ratio is None else f"{line.ratio:.1f}",
            f"{bound} {number(goal.goal, goal.unit)}",
            "yes" if line.is_reached else "[bold red]no[/]",
        )
    shown.caption, shown.caption_justify = _caption(results), "left"
    return shown


def profile(results: Results) -> Table | None:
    """Return what each figure that misses its goal is made of, the largest first; None where that was not measured.

    A webhook's time by hop, its CPU time by process, alone or in a burst; memory in MiB, idle CPU in cores.
    """
    shown = Table("what misses its goal", "of that", "ours", _beside(results))
    for column in shown.columns[2:]:
        column.justify = "right"
    told = set()
    for line in lines(results):
        goal = line.goal
        if line.is_reached or not goal.parts or goal.parts in told:
            continue
        told.add(goal.parts)
        ours = _found(results, goal.parts) or {}
        other, unit = ours.get(BASELINE, {}), _unit_of_parts(goal)
        parts = sorted(
            ((one, part) for part, one in ours.items() if part != BASELINE), reverse=True
        )
        for one, part in parts:
            if one < SEEN_SHARE * parts[0][0]:
                break
            beside = number(other[part], unit) if part in other else ""
            shown.add_row(goal.label, part, number(one, unit), beside)
    return shown if shown.row_count else None


def _unit_of_parts(goal: Goal) -> str:
    return {"KiB": "MiB"}.get(goal.unit, goal.unit)  # of all sleepers, not of one


def _beside(results: Results) -> str:
    """Return whose figures stand beside ours."""
    return str(results.get(BASELINE, PLAIN_AIRFLOW))


def _caption(results: Results) -> str | None:
    """Say of how many sleepers each side's figures are: plain Airflow bears fewer."""
    sides = {"ours": ("sleepers",), _beside(results): ("sleepers", BASELINE)}
    told = [
        f"{side}: {count:,.0f} sleepers, {_at(results, (*path, 'due')):.0f} due at once"
        for side, path in sides.items()
        if (count := _at(results, (*path, "count"))) is not None
    ]
    return "\n".join(told) or None


def number(value: float, unit: str) -> str:
    """Return a value with two or three digits that mean something, and its unit."""
    if unit == "s" and value < 1:
        return f"{value * 1000:{'.0f' if value >= 0.01 else '.2g'}} ms"  # noqa: PLR2004
    digits = 0 if value >= 100 else 2  # noqa: PLR2004
    return f"{round(value, digits) + 0:,.{digits}f} {unit}".strip()  # no minus before a zero
