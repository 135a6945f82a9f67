"""`./ops doctor`: can every configured vendor, connection and permission be used, without changing anything."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from include.lab.shell import clean_environment, inherited_environment
from include.lab.stack import lifecycle
from include.lab.stack.programs import doctor_environment
from include.operate.errors import CommandError

if TYPE_CHECKING:
    from include.lab.stack.layout import Layout


def command(
    *,
    environment: Annotated[
        bool,
        typer.Option("--environment", help="What the environment says, not the local stack."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what can be used and what cannot: settings, databases, Airflow, vendors; 1 if anything failed."""
    at = lifecycle.layout()
    options = ["--json"] if as_json else []
    if environment:
        at.make()
        variables = {"AIRFLOW_HOME": str(at.airflow_home), **clean_environment()}
        variables |= {"PYTHONPATH": str(at.root), "_AIRFLOW_PROCESS_CONTEXT": "server"}
    else:
        stack = lifecycle.running(at)
        if stack is None:
            raise CommandError(
                "no stack is up: start one with ./ops up, or say --environment for what the environment says"
            )
        variables = doctor_environment(inherited_environment(), at, stack)
        options.append("--stand-ins")
    raise typer.Exit(_examined(at, options, variables))


def _examined(at: Layout, options: list[str], variables: dict[str, str]) -> int:
    """Look from a process of its own, which has no other environment than what it is to look at."""
    command = [at.python, "-P", "-m", "include.operate.doctor", *options]
    return subprocess.run(command, env=variables, cwd=at.state, check=False).returncode  # noqa: S603
