"""What Airflow says of DAGs, runs and tasks, as far as anybody here asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.airflow_api.kinds import is_dry, kind_of_run


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedRun:
    """A run that has ended."""

    dag_id: str
    dag_run_id: str
    ended_at: datetime
    kind: str = ""
    is_dry: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedTask:
    """The task a run failed by, and its last try."""

    task_id: str
    try_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dag:
    """A DAG as Airflow has it; one whose file never could be imported is none."""

    dag_id: str
    is_paused: bool
    has_import_errors: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a job starts by itself: a five-field cron line, in UTC."""

    job: str
    cron: str
    is_paused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledRun:
    """A run that Airflow's scheduler made for the tick `run_after`."""

    dag_run_id: str
    run_after: datetime
    started_at: datetime | None
    ended_at: datetime | None


def scheduled_run_from(run: dict[str, Any]) -> ScheduledRun:
    """Read a run that the scheduler made."""
    return ScheduledRun(
        dag_run_id=str(run["dag_run_id"]),
        run_after=datetime.fromisoformat(str(run["run_after"])),
        started_at=_instant(run.get("start_date")),
        ended_at=_instant(run.get("end_date")),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def ended_run_from(run: dict[str, Any]) -> EndedRun:
    """Read a run that has ended."""
    return EndedRun(
        dag_id=str(run["dag_id"]),
        dag_run_id=str(run["dag_run_id"]),
        ended_at=datetime.fromisoformat(str(run["end_date"])),
        kind=kind_of_run(run.get("run_type"), run.get("conf")),
        is_dry=is_dry(str(run["dag_id"]), run.get("run_type"), run.get("conf")),
    )
