"""Airflow's REST API, as far as jobs look after runs: which failed, which went well, how one is.

A task has no access to Airflow's database. It asks like everybody else, as a user who may read runs
and start the review of dead letters, and nothing more (`include/airflow_api/roles.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from include.airflow_api.kinds import is_dry, kind_of_run
from include.airflow_api.session import AirflowSession, json_of, reason_of
from include.errors import AirflowBusyError, AirflowDagError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = 100  # Airflow's most
NEWEST = 25  # runs among which one of each kind is looked for
CRON = re.compile(r"(\S+ ){4}\S+")  # other schedules (None, "Asset") are no cron lines
MAX_PAGES = 50  # more failed runs than this are told of by the next run


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


class JobAirflow(AirflowSession):
    """The session of a job that looks after runs."""

    def failed_runs(self, *, since: datetime) -> list[EndedRun]:
        """Return the runs of all our DAGs that have failed since then, oldest first."""
        query = {"state": "failed", "end_date_gte": since.isoformat(), "order_by": "end_date"}
        return list(self._runs("~", query))

    def newest_successes(self, dag_id: str) -> dict[str, EndedRun]:
        """Return the run of a DAG that ended well last, of each kind among the newest ones."""
        query = {"state": "success", "order_by": "-end_date"}
        newest: dict[str, EndedRun] = {}
        for run in islice(self._runs(dag_id, query, page=NEWEST), NEWEST):
            newest.setdefault(run.kind, run)
        return newest

    def failed_task(self, dag_id: str, dag_run_id: str) -> FailedTask | None:
        """Return the first task that failed in a run; None where none did: it timed out, or it is gone."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(dag_run_id)}/taskInstances"
        query: dict[str, str | int] = {"state": "failed", "order_by": "end_date", "limit": 1}
        answer = self._call("GET", path, params=query)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        tasks = _list(json_of(answer, expected=HTTPStatus.OK), "task_instances")
        if not tasks:
            return None
        return FailedTask(task_id=str(tasks[0]["task_id"]), try_number=int(tasks[0]["try_number"]))

    def schedules(self) -> list[Schedule]:
        """Return the schedules of all DAGs that have one, as their files say."""
        return [
            Schedule(job=str(dag["dag_id"]), cron=cron, is_paused=bool(dag["is_paused"]))
            for dag in self._dags()
            if CRON.fullmatch(cron := str(dag.get("timetable_summary")))
        ]

    def dags(self) -> list[Dag]:
        """Return all DAGs that Airflow has."""
        return [
            Dag(
                dag_id=str(dag["dag_id"]),
                is_paused=bool(dag["is_paused"]),
                has_import_errors=bool(dag["has_import_errors"]),
            )
            for dag in self._dags()
        ]

    def _dags(self) -> list[dict[str, Any]]:
        params: dict[str, str | int] = {"limit": PAGE, "order_by": "dag_id"}
        answer = self._call("GET", "/api/v2/dags", params=params)
        return _list(json_of(answer, expected=HTTPStatus.OK), "dags")

    def scheduled_runs(self, job: str, *, since: datetime) -> list[ScheduledRun]:
        """Return the runs of a DAG that its schedule made, whose tick is not before `since`."""
        query = {
            "run_type": "scheduled",
            "run_after_gte": since.isoformat(),
            "order_by": "run_after",
        }
        return [_scheduled_from(run) for run in self._pages(job, query)]

    def start_run(
        self, dag_id: str, dag_run_id: str, conf: Mapping[str, object] | None = None
    ) -> None:
        """Have the run; one of this id that is there already is the same one."""
        body = {"dag_run_id": dag_run_id, "logical_date": None, "conf": dict(conf or {})}
        answer = self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)
        if not answer.is_success and answer.status_code != HTTPStatus.CONFLICT:
            raise AirflowDagError(f"Airflow does not take the run: {reason_of(answer)}")

    def has_open_run(self, dag_id: str) -> bool:
        """Tell whether a run of the DAG is queued or goes on."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns?state=queued&state=running&limit=1"
        answer = json_of(self._call("GET", path), expected=HTTPStatus.OK)
        return bool(_list(answer, "dag_runs"))

    def _runs(self, dag_id: str, query: dict[str, Any], *, page: int = PAGE) -> Iterator[EndedRun]:
        runs = self._pages(dag_id, query, page=page)
        return (_run_from(run) for run in runs if run.get("end_date"))

    def _pages(
        self, dag_id: str, query: dict[str, Any], *, page: int = PAGE
    ) -> Iterator[dict[str, Any]]:
        path = f"/api/v2/dags/{quote(dag_id, safe='~')}/dagRuns"
        for number in range(MAX_PAGES):
            params = {**query, "limit": page, "offset": number * page}
            answer = self._call("GET", path, params=params)
            runs = _list(json_of(answer, expected=HTTPStatus.OK), "dag_runs")
            yield from runs
            if len(runs) < page:
                break


def _scheduled_from(run: dict[str, Any]) -> ScheduledRun:
    return ScheduledRun(
        dag_run_id=str(run["dag_run_id"]),
        run_after=datetime.fromisoformat(str(run["run_after"])),
        started_at=_instant(run.get("start_date")),
        ended_at=_instant(run.get("end_date")),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _run_from(run: dict[str, Any]) -> EndedRun:
    return EndedRun(
        dag_id=str(run["dag_id"]),
        dag_run_id=str(run["dag_run_id"]),
        ended_at=datetime.fromisoformat(str(run["end_date"])),
        kind=kind_of_run(run.get("run_type"), run.get("conf")),
        is_dry=is_dry(str(run["dag_id"]), run.get("run_type"), run.get("conf")),
    )


def _list(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list):
        raise AirflowBusyError("something else than Airflow answers")
    return found
