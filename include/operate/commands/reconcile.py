"""`./ops reconcile`: have what callbacks and webhooks missed found and put right, and show the report."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from include.airflow_api.client import AirflowClient
from include.clock import SystemClock
from include.errors import CommandError
from include.operate.act import JsonOption  # noqa: TC001 - typer reads it
from include.operate.deployment import chosen
from include.operate.terminal import console, document_of, say, say_json, table_of

if TYPE_CHECKING:
    from include.operate.deployment import Deployment
    from include.store.reconciliations import CheckFinding, ReconciliationReport

DAG_ID = "reconciliation"
LOOK_SECONDS = 0.5
TIMEOUT_SECONDS = 3600.0  # the DAG's own time-out comes first


def command(  # noqa: PLR0913 - what a run may be told
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare Stripe, Clerk and Mailchimp too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Put nothing right.")] = False,
    most_percent: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Put right up to this share of what was looked at."),
    ] = None,
    no_mail: Annotated[
        bool, typer.Option("--no-mail", help="Mail nobody for it: for the run after an upgrade.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Only show the newest report.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run reconciliation now and show what it found; fail where a person must look."""
    deployment = chosen()
    params = {"deep": deep, "dry_run": dry_run, "most_percent": most_percent, "no_mail": no_mail}
    run = None if show else start(deployment, params)
    with deployment.store() as store:
        try:
            found = (
                store.reconciliations.get(run) if run else newest(store.reconciliations.latest(1))
            )
        except KeyError:
            raise CommandError(f"the run {run} ended without a report: see its log") from None
    say_json(document(found)) if as_json else tell(deployment, found)
    raise typer.Exit(0 if is_well(found) else 1)


def start(deployment: Deployment, params: dict[str, Any]) -> str:
    """Have a run of the DAG, wait for its end, and return its id."""
    run = f"by-hand.{SystemClock().now():%Y%m%dT%H%M%S}"
    with closing(airflow_of(deployment)) as airflow:
        airflow.start_run(DAG_ID, run, conf=params)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while airflow.run_state(DAG_ID, run) not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise CommandError(f"the run {run} does not end")
            time.sleep(LOOK_SECONDS)
    return run


def airflow_of(deployment: Deployment) -> AirflowClient:
    """Return a session of somebody who may start runs; raise CommandError where her password is not known."""
    if not deployment.airflow_admin_password.get_secret_value():
        raise CommandError(
            "no password of Airflow: set OPS_AIRFLOW_ADMIN_PASSWORD, or airflow_admin_password in the profile"
        )
    return AirflowClient(
        url=deployment.airflow_url,
        username=deployment.airflow_admin_username,
        password=deployment.airflow_admin_password,
    )


def newest(reports: list[ReconciliationReport]) -> ReconciliationReport:
    """Return the newest report; raise CommandError where there is none yet."""
    if not reports:
        raise CommandError("reconciliation has not run yet: start it without --show")
    return reports[0]


def is_well(report: ReconciliationReport) -> bool:
    """Tell whether the run came to its end and nothing was stopped for a person."""
    return report.finished_at is not None and not any(
        finding.stopped for finding in report.findings.values()
    )


def document(report: ReconciliationReport) -> dict[str, Any]:
    """Return the report as JSON."""
    return document_of(
        report,
        without=("is_deep", "is_dry_run"),
        deep=report.is_deep,
        dry_run=report.is_dry_run,
        findings={
            name: document_of(one, without=("check",), left=one.left)
            for name, one in sorted(report.findings.items())
        },
    )


def tell(deployment: Deployment, report: ReconciliationReport) -> None:
    """Show the report to people."""
    kind = "deep" if report.is_deep else "short"
    how = ", nothing was put right" if report.is_dry_run else ""
    end = f"ended {report.finished_at:%H:%M:%S}" if report.finished_at else "not at its end"
    say(f"{report.started_at:%Y-%m-%d %H:%M:%S} UTC, {kind} run{how}, {end}")
    numbers = ("found", "put right", "left")
    shown = table_of("check", *numbers, "", right=numbers)
    for name, finding in sorted(report.findings.items()):
        counts = (f"{n:,}" for n in (finding.found, finding.repaired, finding.left))
        shown.add_row(name.replace("_", " "), *counts, Text(_words(finding)))
    console().print(shown)
    say(deployment.run_url(DAG_ID, report.dag_run_id))


def _words(finding: CheckFinding) -> str:
    """Return what else there is to say of a finding."""
    examples = ", ".join(finding.examples)
    stopped = f"stopped: {finding.stopped}" if finding.stopped else None
    return "; ".join(filter(None, (stopped, finding.note, examples)))
