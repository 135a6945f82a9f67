"""`ops doctor`: can every configured vendor, connection and permission be used, without changing anything."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Annotated

import typer

from include.clock import SystemClock
from include.errors import CommandError
from include.operate.act import JsonOption  # noqa: TC001 - typer reads it
from include.operate.deployment import ENVIRONMENT, chosen
from include.operate.doctor import report
from include.operate.terminal import say_json

if TYPE_CHECKING:
    from include.check_results import CheckResult


def command(
    *,
    before_start: Annotated[
        bool,
        typer.Option("--before-start", help="Leave out databases and Airflow: nothing runs yet."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what can be used and what cannot: settings, databases, Airflow, vendors; 1 if anything failed."""
    deployment = chosen()
    if not deployment.is_inside:
        raise CommandError(
            "the doctor looks with a worker's and a relay's environment, which a profile does not have: run it there,"
            " for example with docker compose run --rm ops doctor"
        )
    found = examined(has_stand_ins=bool(deployment.sandbox_url), before_start=before_start)
    of = (
        "what the environment says"
        if deployment.name == ENVIRONMENT
        else f"the {deployment.name} stack"
    )
    if as_json:
        say_json(report.document(found, of=of))
    else:
        report.show(found, of=of)
    raise typer.Exit(0 if report.is_well(found) else 1)


def examined(*, has_stand_ins: bool, before_start: bool) -> list[tuple[str, CheckResult]]:
    """Look at what this process' environment says."""
    with contextlib.redirect_stdout(io.StringIO()):  # packages say there what they think
        from include.operate.doctor.run import look  # noqa: PLC0415 - imports Airflow

        return look(clock=SystemClock(), has_stand_ins=has_stand_ins, before_start=before_start)
