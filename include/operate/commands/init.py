"""`./ops init`: write a deployment's `.env`, asking only for what can neither be made nor read."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.errors import CommandError
from include.interview.env_file import EnvFile
from include.operate.commands.doctor import examined
from include.operate.doctor import report
from include.operate.setup.compose import environment_of
from include.operate.setup.interview import interview, trial
from include.operate.terminal import say
from include.settings import adopt_environment

if TYPE_CHECKING:
    from collections.abc import Callable

NEXT = (
    "Next: docker compose up --build --detach, then docker compose run --rm ops doctor, which also looks at"
    " the databases and Airflow. The password of Airflow's user `admin` is OPS_AIRFLOW_ADMIN_PASSWORD."
)


def command(
    file: Annotated[
        Path, typer.Argument(help="The file to write, beside docker-compose.yaml.")
    ] = Path(".env"),
    *,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="A trial with the sandbox: nothing is asked.")
    ] = False,
) -> None:
    """Write .env: ask for keys, offer the vendors' lists, make all secrets; then ask the doctor."""
    env = EnvFile(file.absolute())
    if sandbox:
        _ask(trial, env)
        say(
            "\nops: "
            + NEXT.replace("compose", "compose --env-file .env --env-file deploy/sandbox.env")
        )
        return
    if not sys.stdin.isatty():
        raise CommandError(
            "init asks questions: start it at a terminal, or say --sandbox for a trial"
        )
    say(
        f"ops: this writes {env.path}. Ctrl-C stops it: the answers so far are kept. Secrets are not shown."
    )
    _ask(interview, env)
    code = _examined(env)
    say(f"\nops: {NEXT}")
    raise typer.Exit(code)


def _ask(ask: Callable[[EnvFile], None], env: EnvFile) -> None:
    """Have the answers, whole or kept for the next start."""
    try:
        ask(env)
    except (KeyboardInterrupt, typer.Abort):
        say(f"\nops: stopped; the answers so far are in {env.draft}. Start it again to go on.")
        raise typer.Exit(128 + signal.SIGINT) from None
    say(f"\nops: wrote {env.path}, which only you can read")


def _examined(env: EnvFile) -> int:
    """Have the doctor look at what was written, as far as that can be before anything runs."""
    given = environment_of("ops", folder=env.path.parent, values=env.resolved())
    given.pop(
        "_AIRFLOW_PROCESS_CONTEXT", None
    )  # with it, connections are also looked for in Airflow's database
    with tempfile.TemporaryDirectory(prefix="ops-init-") as home:
        adopt_environment({**given, "AIRFLOW_HOME": home})
        found = examined(has_stand_ins=False, before_start=True)
    report.show(found, of=f"what {env.path} says")
    return 0 if report.is_well(found) else 1
