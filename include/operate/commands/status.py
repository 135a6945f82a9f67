"""`./ops status`: how the stack is and what it has in hand."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from include.lab.stack import lifecycle
from include.lab.stack.stack import load_stack
from include.operate.report import document, report
from include.operate.screen import screen
from include.operate.terminal import console, say


def command(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with addresses, secrets and passwords.")
    ] = False,
) -> None:
    """Show processes, health, inbox and addresses; exit code 1 unless all is well."""
    at = lifecycle.layout()
    stack = load_stack(at.stack_file)
    told = report(at, stack)
    if as_json:
        say(json.dumps(document(stack, told), indent=1))
    elif stack is None or told.state == "down":
        say("ops: no stack is up")
    else:
        console().print(screen(at, stack, told))
    if told.state != "healthy":
        raise typer.Exit(1)
