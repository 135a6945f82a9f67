"""`./ops down`: stop the local stack."""

from __future__ import annotations

from include.lab.stack import lifecycle
from include.operate.terminal import say


def command() -> None:
    """Stop the local stack; what an earlier one has left is ended too."""
    at = lifecycle.layout()
    if lifecycle.down(at):
        say("ops: stopped, no process is left")
    else:
        say("ops: no stack is up")
