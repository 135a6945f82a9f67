"""`./ops timeline EMAIL|ID`: everything that happened to one member or event."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.style import Style
from rich.text import Text

from include.errors import CommandError
from include.operate.act import JsonOption  # noqa: TC001 - typer reads it
from include.operate.deployment import chosen
from include.operate.terminal import console, document_of, moment, plain, say_json, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from include.operate.deployment import Deployment
    from include.store.timeline import ObjectHistory, TimelineEntry


def command(
    handle: Annotated[
        str,
        typer.Argument(
            metavar="EMAIL|ID",
            help="E-mail, member id, Stripe or Clerk id, event id, or inbox row.",
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show everything that happened to one member or event."""
    deployment = chosen()
    story = read(deployment, handle.strip())
    if as_json:
        say_json(document(deployment, story))
    elif story.entries:
        console().print(table(deployment, story))
    if not story.entries:
        raise CommandError("nothing is known under this name")


def read(deployment: Deployment, handle: str) -> ObjectHistory:
    """Ask the deployment's database."""
    with deployment.store() as store:
        return store.timeline.of(handle)


def document(deployment: Deployment, story: ObjectHistory) -> dict[str, Any]:
    """Return the story as JSON."""
    return {
        "members": plain(story.members),
        "inbox_ids": list(story.inbox_ids),
        "entries": [
            document_of(entry, without=("job",), link=run_link(deployment, entry))
            for entry in story.entries
        ],
    }


def table(deployment: Deployment, story: ObjectHistory) -> Table:
    """Return the story for people."""
    shown = table_of("UTC", "seconds", "where", "what", "", right=("seconds",))
    shown.title = "member " + ", ".join(map(str, story.members)) if story.members else None
    shown.title_justify = "left"
    before = None
    for entry in story.entries:
        later = "" if before is None else _elapsed(entry.at - before)
        link = run_link(deployment, entry)
        what = Text(entry.what, style=Style(link=link))
        row = f"row {entry.inbox_id}" if entry.inbox_id else None
        detail = " ".join(filter(None, (row, entry.detail, entry.dag_run_id)))
        shown.add_row(moment(entry.at), later, entry.part, what, Text(detail))
        before = entry.at
    return shown


def _elapsed(time: timedelta) -> str:
    """Return seconds, or days where seconds tell nobody anything."""
    return f"{time.total_seconds():+.2f}" if abs(time) < timedelta(days=1) else f"{time.days:+d} d"


def run_link(deployment: Deployment, entry: TimelineEntry) -> str | None:
    """Return the address of the entry's run in the Airflow UI."""
    if not (entry.job and entry.dag_run_id):
        return None
    return deployment.run_url(entry.job, entry.dag_run_id)
