"""The status screen for people: processes, health, work, addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from include.operate.terminal import table_of
from include.relay.health_issue import OPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from include.operate.deployment import Deployment
    from include.operate.health import PartHealth
    from include.operate.report import ProcessStatus, StatusReport, Work

GOOD, BAD = "green", "bold red"


def screen(
    deployment: Deployment, told: StatusReport, *, places: Mapping[str, str] | None = None
) -> RenderableType:
    """Return the whole screen; `places` are those that only the asker knows."""
    parts: list[RenderableType] = [*_summary(told, deployment.command), ""]
    if told.processes:
        parts += [_processes(told.processes), ""]
    parts.append(_health(told.health))
    if told.work:
        parts += ["", _work(told.work)]
    if told.jobs:
        parts += ["", _jobs(told.jobs)]
    return Group(*parts, "", _addresses(deployment, places or {}))


def _summary(told: StatusReport, command: str) -> Iterator[Text]:
    """Say whether all is well; what is not, each in a sentence with what to do; what waits for a person."""
    yield Text(f"{told.summary}.", style=GOOD if told.is_well else BAD)
    for one in told.issues:
        yield Text(f"- {one}.")
        yield Text(f"  To do: {one.to_do}.".replace(OPS, command))
    if told.decisions:
        yield Text("For a person to decide:")
        yield from (Text(f"- {one}".replace(OPS, command)) for one in told.decisions)


def _processes(processes: tuple[ProcessStatus, ...]) -> Table:
    table = table_of("process", "state", "id", "up", "restarts", "last exit")
    for one in processes:
        style = "" if one.state == "RUNNING" and not one.restarts else BAD
        uptime = "" if one.uptime_seconds is None else str(timedelta(seconds=one.uptime_seconds))
        cells = (
            one.state.lower(),
            str(one.pid or ""),
            uptime,
            str(one.restarts),
            one.last_exit or "",
        )
        table.add_row(one.name, *(Text(cell, style=style) for cell in cells))
    return table


def _health(healths: tuple[PartHealth, ...]) -> Table:
    table = table_of("part", "is")
    for one in healths:
        table.add_row(one.part, Text(one.words, style=GOOD if one.ok else BAD))
    return table


def _jobs(jobs: dict[str, dict[str, Any]]) -> Table:
    """Tell of each job that did something in the last hour."""
    table = table_of("job, last hour", "is", "ended", "failed", "average", "running", "queued")
    for name, one in sorted(jobs.items()):
        average = one.get("average_seconds")
        cells = [one[count] for count in ("running_jobs", "queued_jobs")]
        table.add_row(
            name,
            one["status"],
            str(one["total_runs"]),
            str(one["failure_count"]),
            "" if average is None else f"{average:.1f} s",
            *(str(cell) for cell in cells),
        )
    return table


def _work(work: Work) -> Table:
    table = table_of("in hand", "rows")
    for state, count in sorted(work.inbox.items()):
        table.add_row(f"inbox {state}", str(count))
    if not work.inbox:
        table.add_row("inbox", "empty")
    if work.oldest_waiting_seconds is not None:
        table.add_row("oldest waiting", f"{work.oldest_waiting_seconds:.0f} s")
    for effect, count in work.uncertain_steps.items():
        table.add_row(Text(f"uncertain: {effect}", style=BAD), str(count))
    for state, count in work.deactivations.items():
        if count:
            style = BAD if state in ("overdue", "date_unknown", "failed") else ""
            table.add_row(
                Text(f"deactivations {state.replace('_', ' ')}", style=style), f"{count:,}"
            )
    _add_what_waits_for_a_person(table, work)
    for kind, count in work.unrouted.items():
        table.add_row(f"no job takes: {kind}, in a day", f"{count:,}")
    for kind, count in work.refused.items():
        table.add_row(f"refused: {kind}, in a day", f"{count:,}")
    return table


def _add_what_waits_for_a_person(table: Table, work: Work) -> None:
    for state, count in work.dead_letters.items():
        table.add_row(
            Text(f"dead letters {state}", style=BAD if state == "open" else ""), f"{count:,}"
        )
    for kind, count in work.findings.items():
        table.add_row(Text(f"to look at: {kind.replace('_', ' ')}", style=BAD), f"{count:,}")


def _addresses(deployment: Deployment, places: Mapping[str, str]) -> Table:
    table = table_of("where", "")
    table.add_row("Airflow", deployment.airflow_ui_url or deployment.airflow_url)
    for url in deployment.relay_urls:
        table.add_row("relay", url)
    if deployment.sandbox_url:
        table.add_row("sandbox", deployment.sandbox_url)
    for name, place in places.items():
        table.add_row(name, place)
    return table
