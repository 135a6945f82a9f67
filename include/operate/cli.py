"""The command line `ops`: one module per command, and a table of where each is.

A module has `command`, or `app` where it has commands of its own (`ops deactivations list`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = "include.operate.commands"
COMMANDS = {
    name: f"{FOLDER}.{name.replace('-', '_')}"
    for name in (
        "status",
        "doctor",
        "send",
        "timeline",
        "deactivations",
        "dead-letters",
        "findings",
        "reconcile",
        "erase",
        "ticks",
        "alerts",
    )
}


def make_app(
    arguments: Sequence[str] = (),
    *,
    commands: Mapping[str, str] = COMMANDS,
    about: str = "Job orchestration of a membership community: what people look at and do.",
) -> typer.Typer:
    """Return the command line; where `arguments` name a command, with that one only: it starts at once."""
    app = typer.Typer(
        name="ops",
        help=about,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)  # one command alone would be taken for all of it
    for name in [name for name in commands if name in arguments[:1]] or commands:
        module = importlib.import_module(commands[name])
        if hasattr(module, "app"):  # it has commands of its own
            app.add_typer(module.app, name=name)
        else:
            context = getattr(module, "CONTEXT", None)
            app.command(name, context_settings=context)(module.command)
    return app
