"""How a run begins and ends: every quarter of an hour a short one, once a night a deep one; between them the checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.jobs.dead_letter_review.steps import start_if_due
from include.jobs.reconciliation.repair import RepairLimits
from include.jobs.reconciliation.report import RunFindings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from include.airflow_api.client import AirflowClient
    from include.clock import Clock
    from include.settings import JobSettings
    from include.store import Store

JOB = "reconciliation"
NIGHT = range(2, 6)  # UTC hours; a deep run that fails is tried again until the night is over
DEEP_EVERY = timedelta(hours=20)
SHORT = ("late_rows", "lost_runs", "open_runs", "untold_failures")
DEEP = ("missed_events", "stripe_state", "clerk_state", "contacts")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunScope:
    """What a run does: whether it looks at the vendors too, and whether it repairs."""

    is_deep: bool
    is_dry_run: bool


def begin(dag_run_id: str, params: Mapping[str, object], *, store: Store, clock: Clock) -> RunScope:
    """Open the run's report, and say what kind of run it is: a cleared one stays what it was."""
    now = clock.now()
    report = store.reconciliations.open(
        dag_run_id,
        is_deep=bool(params.get("deep")) or is_deep_due(store.reconciliations.last_deep(), now),
        is_dry_run=bool(params.get("dry_run")),
        now=now,
    )
    return RunScope(is_deep=report.is_deep, is_dry_run=report.is_dry_run)


def kind_of(dag_run_id: str, *, store: Store) -> RunScope:
    """Return what kind of run it began as."""
    report = store.reconciliations.get(dag_run_id)
    return RunScope(is_deep=report.is_deep, is_dry_run=report.is_dry_run)


def given(
    dag_run_id: str, params: Mapping[str, Any], settings: JobSettings, store: Store, clock: Clock
) -> dict[str, Any]:
    """Return what every check of a run is given."""
    asked = params.get("most_percent")
    most = settings.reconciliation_most_percent if asked is None else float(asked)
    is_dry_run = kind_of(dag_run_id, store=store).is_dry_run
    limits = RepairLimits(
        is_dry_run=is_dry_run, most_percent=most, mails_nobody=bool(params.get("no_mail"))
    )
    return {"dag_run_id": dag_run_id, "store": store, "clock": clock, "limits": limits}


def is_deep_due(last: datetime | None, now: datetime) -> bool:
    """Tell whether this is the run of the night that looks at the vendors too."""
    return now.hour in NIGHT and (last is None or now - last >= DEEP_EVERY)


def have_reviewed(dag_run_id: str, airflow: AirflowClient, *, store: Store, clock: Clock) -> bool:
    """Have people asked about dead letters where that is due; return whether anybody may be told anything.

    Not in a dry run.
    """
    if kind_of(dag_run_id, store=store).is_dry_run:
        return False
    start_if_due(store=store, airflow=airflow, clock=clock)
    return True


def close(*, dag_run_id: str, store: Store, clock: Clock) -> RunFindings:
    """Close the report, unless a check is missing in it, and say what came of the run."""
    report = store.reconciliations.get(dag_run_id)
    expected = (*SHORT, *(DEEP if report.is_deep else ()))
    missing = tuple(check for check in expected if check not in report.findings)
    if not missing:
        store.reconciliations.close(dag_run_id, now=clock.now())
    stopped = {
        check: finding.stopped for check, finding in report.findings.items() if finding.stopped
    }
    found = {name: (one.found, one.repaired) for name, one in report.findings.items()}
    return RunFindings(stopped=stopped, missing=missing, found=found)
