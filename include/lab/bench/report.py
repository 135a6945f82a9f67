"""The figures for people: ours, plain Airflow's, the goal, and whether it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Results = dict[str, Any]
PLAIN = "plain_airflow"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure is to reach: at most `goal`, or at least it."""

    label: str
    path: tuple[str, ...]
    goal: float
    unit: str
    at_least: bool = False

    def is_reached(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value >= self.goal if self.at_least else value <= self.goal


GOALS = (
    Goal(label="latency, p50", path=("latency", "p50"), goal=1.0, unit="s"),
    Goal(label="latency, p95", path=("latency", "p95"), goal=2.0, unit="s"),
    Goal(label="burst of 200", path=("burst", "200", "seconds"), goal=4, unit="s"),
    Goal(label="burst of 1,000", path=("burst", "1000", "seconds"), goal=10, unit="s"),
    Goal(label="burst of 5,000", path=("burst", "5000", "seconds"), goal=40, unit="s"),
    Goal(
        label="ingest, at once",
        path=("ingest", "acknowledged_per_second"),
        goal=500,
        unit="/s",
        at_least=True,
    ),
    Goal(label="ingest p99, 100/s", path=("ingest", "p99_at_100"), goal=0.05, unit="s"),
    Goal(label="memory, PSS", path=("footprint", "pss_total"), goal=1024, unit="MiB"),
    Goal(label="idle CPU, cores", path=("footprint", "idle_cpu_share"), goal=0.15, unit=""),
    Goal(label="a sleeper, PSS", path=("sleepers", "pss_each_kib"), goal=1, unit="KiB"),
    Goal(label="sleepers, cores", path=("sleepers", "idle_cpu_added"), goal=0.02, unit=""),
    Goal(label="latency beside", path=("sleepers", "latency_ratio"), goal=1.1, unit="times"),
    Goal(label="due at once, p95", path=("sleepers", "due_lag_p95"), goal=10, unit="s"),
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table."""

    goal: Goal
    ours: float
    plain: float | None

    @property
    def ratio(self) -> float | None:
        """Return how many times plain Airflow's value is ours; none where ours is lost in the noise."""
        return self.plain / self.ours if self.plain and self.ours > 0 else None

    @property
    def is_reached(self) -> bool:
        """Tell whether the goal is reached."""
        return self.goal.is_reached(self.ours)


def lines(results: Results) -> Iterator[Line]:
    """Yield a line for each goal whose figure was measured."""
    for goal in GOALS:
        ours = _at(results, goal.path)
        if ours is not None:
            plain = _at(results, (*goal.path[:-1], PLAIN, goal.path[-1]))
            yield Line(goal=goal, ours=ours, plain=plain)


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
    start: Any = results
    found = reduce(lambda node, key: node.get(key) if isinstance(node, dict) else None, path, start)
    return float(found) if isinstance(found, (int, float)) else None


def table(results: Results) -> Table:
    """Return the table."""
    shown = Table("figure", "ours", "plain Airflow", "times", "goal", "reached")
    for column in shown.columns[1:5]:
        column.justify = "right"
    for line in lines(results):
        goal = line.goal
        bound = "≥" if goal.at_least else "≤"
        shown.add_row(
            goal.label,
            _number(line.ours, goal.unit),
            "" if line.plain is None else _number(line.plain, goal.unit),
            "" if line.ratio is None else f"{line.ratio:.1f}",
            f"{bound} {_number(goal.goal, goal.unit)}",
            "yes" if line.is_reached else "[bold red]no[/]",
        )
    shown.caption, shown.caption_justify = _caption(results), "left"
    return shown


def _caption(results: Results) -> str | None:
    """Say of how many sleepers each side's figures are: plain Airflow bears fewer."""
    sides = {"ours": ("sleepers",), "plain Airflow": ("sleepers", PLAIN)}
    told = [
        f"{side}: {count:,.0f} sleepers, {_at(results, (*path, 'due')):.0f} due at once"
        for side, path in sides.items()
        if (count := _at(results, (*path, "count"))) is not None
    ]
    return "; ".join(told) or None


def _number(value: float, unit: str) -> str:
    """Return a value with three digits that mean something, and its unit."""
    if unit == "s" and value < 1:
        return f"{value * 1000:.0f} ms"
    digits = 0 if value >= 100 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f} {unit}".strip()
