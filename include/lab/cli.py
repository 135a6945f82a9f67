"""The command line `./ops` of a checkout: what works on any deployment, and the local stack, its tests and its demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.operate import cli

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from include.operate.deployment import Deployment

FOLDER = "include.lab.commands"
OWN = {
    name: f"{FOLDER}.{name}"
    for name in ("demo", "up", "down", "test", "bench", "pictures", "lock", "new")
}
COMMANDS = {**OWN, **cli.COMMANDS, "status": f"{FOLDER}.status"}
ABOUT = "Job orchestration of a membership community: what people do, the local stack, its tests and its demo."


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command line; where `arguments` name a command, with that one only."""
    return cli.make_app(arguments, commands=COMMANDS, about=ABOUT, local=_local_stack)


def _local_stack() -> Deployment:
    from include.lab.stack.deployment import local_stack  # noqa: PLC0415 - only where it is meant

    return local_stack()
