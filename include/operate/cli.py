"""The command line `ops`: one module per command, and a table of where each is.

A module has `command`, or `app` where it has commands of its own (`ops deactivations list`).
"""

from __future__ import annotations

import importlib
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from include.errors import CommandError, OpsError
from include.operate.deployment import GIVEN, Finder
from include.operate.terminal import say, stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from include.operate.deployment import Deployment

FOLDER = "include.operate.commands"
COMMANDS = {
    name: f"{FOLDER}.{name.replace('-', '_')}"
    for name in (
        "init",
        "rotate",
        "status",
        "vendors",
        "probe",
        "doctor",
        "send",
        "timeline",
        "deactivations",
        "dead-letters",
        "findings",
        "policy",
        "reconcile",
        "erase",
        "ticks",
        "alerts",
    )
}
BEFORE_THE_COMMAND = 3  # `--at NAME` and the command itself

At = Annotated[
    str | None,
    typer.Option("--at", metavar="NAME", help="A profile in ~/.config/wdai-ops/config.toml."),
]


def make_app(
    arguments: Sequence[str] = (),
    *,
    commands: Mapping[str, str] = COMMANDS,
    about: str = "Job orchestration of a membership community: what people look at and do.",
    local: Callable[[], Deployment] | None = None,
) -> typer.Typer:
    """Return the command line; where `arguments` name a command, with that one only: it starts at once.

    `local` gives the deployment where neither a profile nor the environment names one.
    """
    app = typer.Typer(
        name="ops",
        help=about,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def find(at: At = None) -> None:
        GIVEN.set(Finder(at=at, local=local))

    first = arguments[:BEFORE_THE_COMMAND]
    for name in [name for name in commands if name in first] or commands:
        module = importlib.import_module(commands[name])
        if hasattr(module, "app"):  # it has commands of its own
            app.add_typer(module.app, name=name)
        else:
            settings = getattr(module, "CONTEXT", None)
            app.command(name, context_settings=settings)(module.command)
    return app


def run(app: typer.Typer, *, name: str) -> None:
    """Run a command line; what goes wrong is one line and an exit code."""
    stop_on_signals()
    try:
        app(prog_name=name)
    except (CommandError, OpsError) as error:
        sys.exit(f"ops: {error}")
    except KeyboardInterrupt:
        say("\nops: stopped", out=sys.stderr)
        sys.exit(128 + signal.SIGINT)
