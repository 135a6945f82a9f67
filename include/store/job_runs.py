"""Runs of jobs as their tasks saw them: what metrics, health and alert rules count."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from include.store.sql import Table, record_from

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"  # a task of it gave up
    LOST = "lost"  # it ended without a word: found by the reconciler


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRun:
    """One run of a job, whatever was tried again or cleared in it."""

    job: str
    dag_run_id: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    rows: int | None
    tries: int
    error_class: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnd:
    """How a run ended, and how long it took."""

    status: RunStatus
    seconds: float


class JobRuns(Table, file="job_runs"):
    """The table `ops.job_runs`; every statement may come twice."""

    def open(  # noqa: PLR0913 - what is known of a run when it begins
        self,
        job: str,
        dag_run_id: str,
        *,
        ends: Collection[str],
        own_ends: Collection[str] | None = None,
        rows: int | None = None,
        tries: int = 1,
        is_dry: bool = False,
        now: datetime,
    ) -> None:
        """Begin a run, or begin it anew where it is known already.

        It is a success once each of the tasks `ends` has ended well; begun anew, those of `own_ends`
        and those that had not. One that only looks (`is_dry`) counts neither as a success nor as a failure.
        """
        self._sql.open_run(
            job=job,
            dag_run_id=dag_run_id,
            all_ends=sorted(ends),
            own_ends=sorted(ends if own_ends is None else own_ends),
            rows=rows,
            tries=tries,
            is_dry=is_dry,
            now=now,
        )

    def try_again(  # noqa: PLR0913 - see `open`
        self,
        job: str,
        dag_run_id: str,
        *,
        ends: Collection[str],
        rows: int | None = None,
        tries: int,
        is_dry: bool = False,
        now: datetime,
    ) -> None:
        """Write down that a task is tried again; begin the run if the first try could not."""
        self._sql.try_again(
            job=job,
            dag_run_id=dag_run_id,
            all_ends=sorted(ends),
            rows=rows,
            tries=tries,
            is_dry=is_dry,
            now=now,
        )

    def end_tasks(
        self,
        job: str,
        dag_run_id: str,
        *,
        ends: Collection[str],
        rows: int | None = None,
        now: datetime,
    ) -> RunEnd | None:
        """Say that these last tasks of a run ended well; return its end if this was all of it.

        A run that has failed stays so until it is cleared.
        """
        row = self._sql.end_tasks(
            job=job, dag_run_id=dag_run_id, ends=list(ends), rows=rows, now=now
        )
        return _ended(row) if row and row["status"] == RunStatus.SUCCESS else None

    def count_rows(self, job: str, dag_run_id: str, rows: int) -> None:
        """Write down how much a run works on."""
        self._sql.count_rows(job=job, dag_run_id=dag_run_id, rows=rows)

    def say(self, job: str, dag_run_id: str, task: str, words: str) -> None:
        """Write down what a task says of its run, in the place of what it said before.

        `words` must be free of e-mail addresses and secrets, as a `reason`.
        """
        self._sql.say(job=job, dag_run_id=dag_run_id, task=task, words=words)

    def said(self, job: str, dag_run_id: str) -> list[str]:
        """Return what the tasks of a run have said, by the tasks' names."""
        return [row["words"] for row in self._sql.read_said(job=job, dag_run_id=dag_run_id)]

    def fail(  # noqa: PLR0913 - what is known of a failure
        self,
        job: str,
        dag_run_id: str,
        *,
        error_class: str | None,
        reason: str | None,
        now: datetime,
        started_at: datetime | None = None,
        is_dry: bool = False,
        ended_too: bool = False,
    ) -> RunEnd | None:
        """Close a run as failed, also one that nobody began; return its end, None where it had one.

        `ended_too` is for a task of the run itself, whose failure counts also after the run's end.
        `reason` must be free of e-mail addresses and secrets: `errors.told` makes such a text.
        """
        unless = [RunStatus.FAILED] if ended_too else [RunStatus.SUCCESS, RunStatus.FAILED]
        row = self._sql.fail_run(
            job=job,
            dag_run_id=dag_run_id,
            error_class=error_class,
            reason=reason,
            started_at=started_at or now,
            is_dry=is_dry,
            now=now,
            unless=unless,
        )
        return _ended(row) if row else None

    def running(self, *, started_before: datetime) -> list[JobRun]:
        """Return the runs that began before then and have not ended: Airflow may know more."""
        return [_run(row) for row in self._sql.read_running(started_before=started_before)]

    def close_lost(
        self, job: str, dag_run_id: str, *, airflow_state: str | None, now: datetime
    ) -> RunStatus | None:
        """Close a running run of which Airflow says that it ended, or that there is none (None).

        It is lost: nobody recorded its end, whatever Airflow says. Only where a person cleared some
        tasks of a run that had ended well, and Airflow ended it well again, it is a success as before.
        Returns what it was closed as; None where it had ended in the meantime.
        """
        reason = (
            f"Airflow ended it as {airflow_state}; no task recorded its end"
            if airflow_state
            else "Airflow does not have the run any more"
        )
        row = self._sql.close_run(
            job=job,
            dag_run_id=dag_run_id,
            ended_well=airflow_state == "success",
            reason=reason,
            now=now,
        )
        return RunStatus(row["status"]) if row else None

    def get(self, job: str, dag_run_id: str) -> JobRun | None:
        """Return one run, if it is known."""
        row = self._sql.read_run(job=job, dag_run_id=dag_run_id)
        return _run(row) if row else None


def _run(row: dict[str, Any]) -> JobRun:
    return record_from(JobRun, row, status=RunStatus)


def _ended(row: dict[str, Any]) -> RunEnd:
    return record_from(RunEnd, row, status=RunStatus)
