"""`./ops up`: start the local stack and watch it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from include.lab.stack import lifecycle
from include.lab.stack.history import Follower
from include.lab.stack.supervisor import Supervisor
from include.operate.terminal import say

if TYPE_CHECKING:
    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack


def command(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is healthy, and leave it up.")
    ] = False,
) -> None:
    """Start Postgres, Airflow, relay and sandbox; stop them with Ctrl-C."""
    at = lifecycle.layout()
    if stack := lifecycle.running(at):
        say("ops: the stack is up already")
        say(addresses(at, stack))
        return
    stack = lifecycle.up(at, tied=not detach)
    say(addresses(at, stack))
    if not detach:
        watch(at, stack)


def addresses(at: Layout, stack: Stack) -> str:
    """Say where everything is."""
    return "\n".join(
        (
            f"  Airflow   {stack.airflow_url}   (admin, operator, community, viewer; passwords in {at.stack_file})",
            f"  relay     {stack.relay_url}   (/webhooks/stripe, /webhooks/clerk)",
            f"  sandbox   {stack.sandbox_url}   (/docs)",
            f"  logs      {at.logs}",
        )
    )


def watch(at: Layout, stack: Stack) -> None:
    """Tell of every process that ends by itself, until the stack is stopped, from here or elsewhere."""
    supervisor, follower = Supervisor(stack), Follower(at.supervisor_log)
    say("ops: Ctrl-C stops it")
    try:
        while supervisor.is_up():
            for news in follower.news():
                say(f"ops: {news.at} {news}")
            time.sleep(1)
    except KeyboardInterrupt:
        say("\nops: stopping")
    lifecycle.down(at)
    say("ops: stopped, no process is left")
