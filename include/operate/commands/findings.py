"""`./ops findings list|close`: what a person has to know, and what she says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from include.clock import SystemClock
from include.notify.findings import close_finding
from include.operate.act import Actor, JsonOption, Why, acting
from include.operate.deployment import chosen
from include.operate.terminal import console, group, moment, say, say_json, table_of
from include.store.findings import FindingState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from include.store.findings import KeptFinding

app = group("Show what a person has to know: who pays twice, disputes, failed refunds.")


@app.command("list")
def show(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Those that are over or closed, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the open findings, the newest first."""
    with chosen().store() as store:
        found = store.findings.read(tuple(FindingState) if every else (FindingState.OPEN,))
    if as_json:
        say_json(found)
    elif found:
        console().print(table(found))
    else:
        say("ops: nothing to look at")


@app.command()
def close(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="Its number in the list.")],
    *,
    reason: Why,
    actor: Actor = None,
    as_json: JsonOption = False,
) -> None:
    """Say why it may stay so: it is not told again unless something new brings it up."""
    with acting(reason, actor) as (_, store, person):
        closed = close_finding(number, person=person, store=store, now=SystemClock().now())
    say_json(closed) if as_json else say(f"finding {number} is closed")


def table(found: Sequence[KeptFinding]) -> Table:
    """Return findings for people."""
    shown = table_of("id", "since, UTC", "what", "state", "about", "")
    for one in found:
        words = (one.words, one.closed_by and f"closed by {one.closed_by}", one.why)
        shown.add_row(
            str(one.id),
            moment(one.opened_at),
            one.kind.replace("_", " "),
            one.state,
            one.subject,
            Text(": ".join(filter(None, words))),
        )
    return shown
