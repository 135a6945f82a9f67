"""`ops status`: how a deployment is and what it has in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from include.operate.act import JsonOption  # noqa: TC001 - typer reads it
from include.operate.deployment import chosen
from include.operate.report import ProcessStatus, document, report
from include.operate.status_view import screen
from include.operate.terminal import console, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.operate.deployment import Deployment


def command(*, as_json: JsonOption = False) -> None:
    """Show health, inbox and addresses; exit code 1 unless all is well."""
    show(chosen(), as_json=as_json)


def show(
    deployment: Deployment,
    *,
    as_json: bool,
    processes: tuple[ProcessStatus, ...] = (),
    places: Mapping[str, str] | None = None,
) -> None:
    """Show it, with what only the asker knows: the processes of a local stack, and where its files are."""
    told = report(deployment, processes)
    if as_json:
        say_json(document(deployment, told))
    else:
        console().print(screen(deployment, told, places=places))
    if not told.is_well:
        raise typer.Exit(1)
