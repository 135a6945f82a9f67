"""`./ops vendors list|pause|resume`: how it stands with those that may be left alone, and a person's say in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from include.alerts.texts import moment
from include.clock import SystemClock
from include.operate.act import Actor, JsonOption, Why, acting
from include.operate.deployment import chosen
from include.operate.terminal import console, group, say, say_json, table_of
from include.operate.vendors import read_vendors, say_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from include.operate.vendors import VendorStatus

VendorArgument = Annotated[str, typer.Argument(metavar="VENDOR", help="One of the list.")]

app = group("Show which vendors are left alone, and pause one.")


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """Say of each vendor whether it is called, why not, who waits, and when it is tried."""
    with chosen().store() as store:
        found = read_vendors(store, now=SystemClock().now())
    if as_json:
        say_json(found)
    else:
        console().print(table(found))


@app.command()
def pause(
    vendor: VendorArgument,
    *,
    hours: Annotated[Literal["1", "4", "12"], typer.Option(help="For how long; then it is over.")],
    reason: Why,
    actor: Actor = None,
) -> None:
    """Leave a vendor alone for a while: what needs it waits."""
    _say_of(vendor, "pause", hours, reason, actor)


@app.command()
def resume(vendor: VendorArgument, *, reason: Why, actor: Actor = None) -> None:
    """End a pause: what waits goes on."""
    _say_of(vendor, "resume", "", reason, actor)


def _say_of(vendor: str, what: str, hours: str, reason: str, actor: str | None) -> None:
    with acting(reason, actor) as (_, store, person):
        said = say_of(
            vendor, what, hours=hours, person=person, store=store, now=SystemClock().now()
        )
    say(f"ops: {said}")


def table(found: Sequence[VendorStatus]) -> Table:
    """Return vendors for people."""
    shown = table_of("vendor", "stands", "since", "next try", "who waits", "why")
    for one in found:
        down = f"paused by {one.paused_by}" if one.paused_by else "left alone"
        shown.add_row(
            one.name,
            "called" if one.is_up else down,
            moment(one.since) if one.since else "",
            moment(one.next_try_at) if one.next_try_at else "",
            one.waiting,
            Text(one.why or ""),
        )
    return shown
