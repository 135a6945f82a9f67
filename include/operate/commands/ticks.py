"""`./ops ticks`: what became of each expected start of the scheduled jobs."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.style import Style
from rich.table import Table
from rich.text import Text

from include.clock import SystemClock
from include.operate.act import Json  # noqa: TC001 - typer reads it
from include.operate.deployment import chosen
from include.operate.terminal import console, say
from include.store.cron_ticks import Outcome, Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.operate.deployment import Deployment


def command(
    hours: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 24,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Each tick, and not only those that did not go well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show which starts were late, skipped or missed, and why; noted by reconciliation every 15 minutes."""
    deployment = chosen()
    with deployment.store() as store:
        ticks = store.cron_ticks.since(SystemClock().now() - timedelta(hours=hours))
    if as_json:
        say(json.dumps([document(tick) for tick in ticks], indent=1))
        return
    shown = [tick for tick in ticks if every or tick.outcome is not Outcome.RAN]
    if shown:
        console().print(table(deployment, shown))
    say(summary(ticks))


def document(tick: Tick) -> dict[str, Any]:
    """Return a tick as JSON."""
    return {
        "job": tick.job,
        "tick_at": tick.tick_at.astimezone(UTC).isoformat(),
        "outcome": tick.outcome,
        "late_seconds": tick.late_seconds,
        "dag_run_id": tick.dag_run_id,
        "reason": tick.reason,
    }


def summary(ticks: Sequence[Tick]) -> str:
    """Return how many ticks there were of each kind, in one line."""
    counts = Counter(tick.outcome for tick in ticks)
    parts = [f"{counts[outcome]:,} {outcome}" for outcome in Outcome if counts[outcome]]
    return f"{len(ticks):,} ticks: {', '.join(parts)}" if ticks else "no tick is noted yet"


def table(deployment: Deployment, ticks: Sequence[Tick]) -> Table:
    """Return ticks for people, newest first."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("tick, UTC", "job", "became", "late by", "why"):
        shown.add_column(column, justify="right" if column == "late by" else "left")
    for tick in ticks:
        link = deployment.run_url(tick.job, tick.dag_run_id) if tick.dag_run_id else None
        style = Style(link=link, bold=tick.outcome is Outcome.MISSED)
        late = "" if tick.late_seconds is None else f"{tick.late_seconds:,} s"
        when = _moment(tick.tick_at)
        shown.add_row(when, tick.job, Text(tick.outcome, style), late, tick.reason or "")
    return shown


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
