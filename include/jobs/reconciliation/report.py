"""The end of a run: its report is closed, and says whether a person must decide something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.jobs.dead_letter_review import start_if_due
from include.jobs.reconciliation.plan import kind_of

if TYPE_CHECKING:
    from include.clients.airflow import JobAirflow
    from include.clock import Clock
    from include.store import Store

SHORT = ("late_rows", "lost_runs", "open_runs", "untold_failures")
DEEP = ("missed_events", "stripe_state", "clerk_state", "contacts")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFindings:
    """What came of a run: what was stopped for a person, and the checks that did not come to their end."""

    stopped: dict[str, str]
    missing: tuple[str, ...]
    found: dict[str, tuple[int, int]]  # by check: how much, and how much of it was put right

    @property
    def problem(self) -> str | None:
        """Return one line about what a person must look at; None where there is nothing."""
        parts = [f"{check}: {why}" for check, why in sorted(self.stopped.items())]
        if self.missing:
            parts.append(f"not checked: {', '.join(self.missing)}")
        return "; ".join(parts) or None

    @property
    def summary(self) -> str:
        """Return one line about what was found."""
        parts = [
            f"{check.replace('_', ' ')} {found}, put right {repaired}"
            for check, (found, repaired) in sorted(self.found.items())
            if found
        ]
        return "; ".join(parts) or "nothing was missed"


def have_reviewed(dag_run_id: str, *, store: Store, airflow: JobAirflow, clock: Clock) -> bool:
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
