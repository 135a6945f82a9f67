"""The commands of `./ops`: one module each in `include/stack/commands/`, one line each here."""

from __future__ import annotations

import importlib

import typer

COMMANDS = ("demo", "bench", "up", "down", "status", "send", "timeline", "test", "lock")


def make_app() -> typer.Typer:
    """Return the command line with all commands."""
    app = typer.Typer(
        name="ops",
        help="Job orchestration of a membership community: the local stack, its tests and its demo.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for name in COMMANDS:
        module = importlib.import_module(f"include.stack.commands.{name.replace('-', '_')}")
        settings = getattr(module, "CONTEXT", None)
        app.command(name, context_settings=settings)(module.command)
    return app
