"""The short checks: our tables beside Airflow's runs.

The relay's dispatcher looks after its own runs every few seconds. What is found here is what it could not see:
it was down, or nobody told it. A run that Airflow calls a success and that recorded nothing is contradicted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from include.errors import ErrorClass
from include.failures.dead_letters import STEP
from include.jobs.reconciliation.steps import JOB
from include.notify.notices import FailureCause, Success, close_recovered, note_failure
from include.store.dead_letters import Failure
from include.store.inbox import InboxState
from include.store.notices import FailedRun
from include.store.reconciliations import CheckFinding, finding_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.airflow_api.client import AirflowClient
    from include.clock import Clock
    from include.jobs.reconciliation.repair import RepairLimits
    from include.store import Store
    from include.store.reconciliations import Uncertain, Unlettered

SILENT = timedelta(minutes=2)  # a relay that lives asks about its runs every 15 s
LATE = timedelta(minutes=10)  # what waits longer is shown to people
FAILED_SINCE = timedelta(hours=26)  # how far back failed runs are looked for

log = structlog.get_logger(__name__)


def check_runs(
    *, dag_run_id: str, store: Store, airflow: AirflowClient, clock: Clock, limits: RepairLimits
) -> list[CheckFinding]:
    """Run all short checks, and write down what they find.

    Raises AirflowError where Airflow does not answer: what can be found without it is written down by then.
    """
    run = Checks(store=store, airflow=airflow, clock=clock, is_dry_run=limits.is_dry_run)
    findings = []
    for check in run.all():
        found = check()
        store.reconciliations.save(dag_run_id, [found])
        if found.found:
            log.warning(
                "reconciliation.found",
                check=found.check,
                found=found.found,
                repaired=found.repaired,
            )
        findings.append(found)
    return findings


class Checks:
    """The short checks over one store and one Airflow."""

    def __init__(
        self, *, store: Store, airflow: AirflowClient, clock: Clock, is_dry_run: bool
    ) -> None:
        """Look at these; in a dry run nothing is changed."""
        self._store = store
        self._airflow = airflow
        self._is_dry_run = is_dry_run
        self._now = clock.now()
        self._clock = clock

    def all(self) -> list[Callable[[], CheckFinding]]:
        """Return the checks in their order: those that need no Airflow first."""
        return [
            self.late_rows,
            self.late_claims,
            self.late_ends,
            self.abandoned_effects,
            self.uncertain_effects,
            self.unlettered_rows,
            self.lost_runs,
            self.open_runs,
            self.untold_failures,
            self.recoveries,
        ]

    def late_rows(self) -> CheckFinding:
        """Show rows that wait for a run that nobody asks for: no relay is up, or Airflow takes none."""
        ids = self._store.reconciliations.late_rows(due_before=self._now - LATE)
        return finding_of("late_rows", ids)

    def late_claims(self) -> CheckFinding:
        """Show runs that a relay has claimed and Airflow does not take."""
        ids = self._store.reconciliations.late_claims(claimed_before=self._now - LATE)
        return finding_of("late_claims", ids)

    def late_ends(self) -> CheckFinding:
        """Show memberships that should have ended and have not."""
        ids = self._store.reconciliations.late_ends(due_before=self._now - LATE)
        return finding_of("late_ends", ids)

    def abandoned_effects(self) -> CheckFinding:
        """Stop effects that were begun and never ended: whether they happened is for a person to find out."""
        table, before = self._store.reconciliations, self._now - LATE
        if self._is_dry_run:
            return finding_of("abandoned_effects", table.abandoned(before=before))
        ids = table.mark_uncertain(before=before, now=self._now)
        return finding_of("abandoned_effects", ids, repaired=len(ids))

    def uncertain_effects(self) -> CheckFinding:
        """Ask a person about each effect whose answer was lost, unless one is asked already."""
        steps = self._store.reconciliations.uncertain(before=self._now - LATE)
        unasked = [step for step in steps if step.letter_id is None]
        if not self._is_dry_run:
            for step in unasked:
                self._ask_about_step(step)
        note = f"{len(steps)} wait for a person" if steps else None
        repaired = 0 if self._is_dry_run else len(unasked)
        return finding_of(
            "uncertain_effects", [step.key for step in unasked], repaired=repaired, note=note
        )

    def unlettered_rows(self) -> CheckFinding:
        """Ask a person about each event that failed and that is nobody's."""
        rows = self._store.reconciliations.unlettered(before=self._now - LATE)
        if not self._is_dry_run:
            for row in rows:
                self._ask_about_row(row)
        repaired = 0 if self._is_dry_run else len(rows)
        return finding_of("unlettered_rows", [str(row.id) for row in rows], repaired=repaired)

    def lost_runs(self) -> CheckFinding:
        """Close the runs that Airflow has ended, or does not have, without our record of it."""
        dispatches, lost = self._store.dispatches, []
        if not self._is_dry_run:
            dispatches.close_empty(now=self._now)
        for dag_run_id, job in self._silent_runs():
            state = self._airflow.run_state(job, dag_run_id)
            if state in ("queued", "running"):
                continue
            lost.append(dag_run_id)
            if self._is_dry_run:
                continue
            if state is None:
                dispatches.requeue(dag_run_id, now=self._now)
            else:
                reason = f"the run ended as {state} without recording this"
                dispatches.mark_lost(dag_run_id, reason=reason, now=self._now)
        return finding_of("lost_runs", lost, repaired=0 if self._is_dry_run else len(lost))

    def open_runs(self) -> CheckFinding:
        """Close the records of runs that have ended without a word, or that Airflow does not have."""
        table, ended = self._store.job_runs, []
        for run in table.running(started_before=self._now - SILENT):
            state = self._airflow.run_state(run.job, run.dag_run_id)
            if state in ("queued", "running"):
                continue
            ended.append(run.dag_run_id)
            if not self._is_dry_run:
                table.close_lost(run.job, run.dag_run_id, airflow_state=state, now=self._now)
        return finding_of("open_runs", ended, repaired=0 if self._is_dry_run else len(ended))

    def untold_failures(self) -> CheckFinding:
        """Note the failed runs whose callback was lost."""
        runs = self._airflow.failed_runs(since=self._now - FAILED_SINCE)
        untold = self._store.notices.unnoted(
            [
                FailedRun(
                    job=run.dag_id, dag_run_id=run.dag_run_id, failed_at=run.ended_at, kind=run.kind
                )
                for run in runs
                if not run.is_dry
            ]
        )
        finding = finding_of("untold_failures", [run.dag_run_id for run in untold])
        if self._is_dry_run:
            return finding
        noted = sum(self._note(run) for run in untold)
        return replace(finding, repaired=noted)

    def recoveries(self) -> CheckFinding:
        """Close the notices of what is over."""
        if self._is_dry_run:
            return CheckFinding(check="recoveries")
        jobs = {found.notice.job for found in self._store.notices.read_open()}
        successes = {}
        for job in sorted(jobs):
            for kind, run in self._airflow.newest_successes(job).items():
                successes[job, kind] = Success(dag_run_id=run.dag_run_id, ended_at=run.ended_at)
        closed = close_recovered(successes, store=self._store, clock=self._clock)
        return CheckFinding(check="recoveries", found=closed, repaired=closed)

    def _silent_runs(self) -> list[tuple[str, str]]:
        """Return the runs that nobody has asked about for a while.

        They are not marked as asked about: a try that ends halfway would hide them from the next one.
        """
        before = self._now - SILENT
        return [
            (run.dag_run_id, run.job)
            for run in self._store.dispatches.in_flight()
            if run.started_at is not None and (run.checked_at or run.started_at) <= before
        ]

    def _ask_about_step(self, step: Uncertain) -> None:
        self._store.dead_letters.open_case(
            Failure(
                job=step.job,
                subject=f"{STEP}{step.key}",
                error_class=ErrorClass.UNCERTAIN,
                reason=step.reason or "the answer was lost",
                member_id=step.member_id,
                inbox_ids=tuple(step.inbox_ids),
                tried_by=JOB,
                dag_run_id=step.dag_run_id,
            ),
            now=self._now,
        )

    def _ask_about_row(self, row: Unlettered) -> None:
        subject = f"row:{row.id}" if row.member_id is None else f"member:{row.member_id}"
        self._store.dead_letters.open_case(
            Failure(
                job=row.job or "relay",  # which could not even tell what it was about
                subject=subject,
                error_class=_class_of(row),
                reason=row.reason or "it failed without a reason",
                member_id=row.member_id,
                inbox_ids=(row.id,),
                tried_by=JOB,
                dag_run_id=row.dag_run_id,
            ),
            now=self._now,
        )

    def _note(self, run: FailedRun) -> bool:
        task = self._airflow.failed_task(run.job, run.dag_run_id)
        cause = FailureCause(
            why="task_failure" if task else "timed_out",
            task=task.task_id if task else None,
            try_number=task.try_number if task else None,
        )
        return note_failure(run, cause, store=self._store, clock=self._clock)


def _class_of(row: Unlettered) -> ErrorClass:
    """Return the class of an event's failure; a dead one of which none is known could not be read."""
    if row.error_class:
        return ErrorClass(row.error_class)
    return ErrorClass.PAYLOAD if row.state == InboxState.DEAD else ErrorClass.TRANSIENT
