"""The commands of `./ops`: one module each in `include/stack/commands/`, one line each here.

A module has `command`, or `app` where it has commands of its own (`./ops deactivations list`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "demo",
    "up",
    "down",
    "status",
    "doctor",
    "send",
    "timeline",
    "deactivations",
    "dead-letters",
    "reconcile",
    "erase",
    "ticks",
    "alerts",
    "test",
    "bench",
    "lock",
)


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command line; where `arguments` name a command, with that one only: it starts at once."""
    app = typer.Typer(
        name="ops",
        help="Job orchestration of a membership community: the local stack, its tests and its demo.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)  # one command alone would be taken for all of it
    for name in [name for name in COMMANDS if name in arguments[:1]] or COMMANDS:
        module = importlib.import_module(f"include.stack.commands.{name.replace('-', '_')}")
        if hasattr(module, "app"):  # it has commands of its own
            app.add_typer(module.app, name=name)
        else:
            context = getattr(module, "CONTEXT", None)
            app.command(name, context_settings=context)(module.command)
    return app
