"""`./ops pictures`: make the README's pictures anew, of the local stack in a real browser."""

from __future__ import annotations

import typer

from include.lab.commands.demo import stack_for_demo
from include.lab.commands.test import run_module
from include.lab.stack import lifecycle


def command() -> None:
    """Play a member whose welcome is uncertain, and take the README's pictures into docs/images."""
    with stack_for_demo(lifecycle.layout(), leave=True):
        code = run_module(["tests.browser.pictures"])
    raise typer.Exit(code)
