"""`./ops ticks`: what became of each expected start of the scheduled jobs."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.style import Style
from rich.text import Text

from include.clock import SystemClock
from include.operate.act import JsonOption  # noqa: TC001 - typer reads it
from include.operate.deployment import chosen
from include.operate.terminal import console, moment, say, say_json, table_of
from include.store.cron_ticks import Tick, TickOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from include.operate.deployment import Deployment


def command(
    hours: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 24,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Each tick, and not only those that did not go well.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which starts were late, skipped or missed, and why; noted by reconciliation every 15 minutes."""
    deployment = chosen()
    with deployment.store() as store:
        ticks = store.cron_ticks.since(SystemClock().now() - timedelta(hours=hours))
    if as_json:
        say_json(ticks)
        return
    shown = [tick for tick in ticks if every or tick.outcome is not TickOutcome.RAN]
    if shown:
        console().print(table(deployment, shown))
    say(summary(ticks))


def summary(ticks: Sequence[Tick]) -> str:
    """Return how many ticks there were of each kind, in one line."""
    counts = Counter(tick.outcome for tick in ticks)
    parts = [f"{counts[outcome]:,} {outcome}" for outcome in TickOutcome if counts[outcome]]
    return f"{len(ticks):,} ticks: {', '.join(parts)}" if ticks else "no tick is noted yet"


def table(deployment: Deployment, ticks: Sequence[Tick]) -> Table:
    """Return ticks for people, newest first."""
    shown = table_of("tick, UTC", "job", "became", "late by", "why", right=("late by",))
    for tick in ticks:
        link = deployment.run_url(tick.job, tick.dag_run_id) if tick.dag_run_id else None
        style = Style(link=link, bold=tick.outcome is TickOutcome.MISSED)
        late = "" if tick.late_seconds is None else f"{tick.late_seconds:,} s"
        when = moment(tick.tick_at)
        shown.add_row(when, tick.job, Text(tick.outcome, style), late, tick.reason or "")
    return shown
