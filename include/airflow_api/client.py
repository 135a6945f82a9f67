"""Airflow's REST API, as far as we need it: how runs are, start one, now or later, take it back.

Nobody here has access to Airflow's database: relay and jobs ask like everybody else, each as a user with a small
role of its own (`include/airflow_api/roles.py`).

What Airflow 3.3.2 answers: POST /auth/token 201; POST dagRuns 200, or 409 where the id is taken; 404 for a
DAG it does not have, 400 for one with import errors. A DAG that is paused takes runs and keeps them queued, and
so does any DAG until their `run_after`. DELETE of a run 204, or 409 while it goes on; PATCH ends it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from include.airflow_api.records import (
    Dag,
    EndedRun,
    FailedTask,
    Schedule,
    ScheduledRun,
    ended_run_from,
    scheduled_run_from,
)
from include.airflow_api.session import AirflowSession, json_of, path_of, reason_of
from include.errors import AirflowBusyError, AirflowDagError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import httpx

PAGE = 100  # Airflow's most
NEWEST = 25  # runs among which one of each kind is looked for
CRON = re.compile(r"(\S+ ){4}\S+")  # other schedules (None, "Asset") are no cron lines
MAX_PAGES = 50  # more failed runs than this are told of by the next run


class AirflowClient(AirflowSession):
    """What the relay, the jobs and `ops` ask of Airflow; what a user may, Airflow decides."""

    # --- what it has, and how its runs are ---

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
        path = f"{path_of(dag_id, dag_run_id)}/taskInstances"
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

    def import_errors(self) -> list[str]:
        """Return the last line of each DAG file's import error, with the file."""
        answer = self._call("GET", "/api/v2/importErrors", params={"limit": PAGE})
        errors = _list(json_of(answer, expected=HTTPStatus.OK), "import_errors")
        return [
            f"{error['filename']}: {str(error['stack_trace']).strip().splitlines()[-1]}"
            for error in errors
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
        return [scheduled_run_from(run) for run in self._pages(job, query)]

    def has_open_run(self, dag_id: str) -> bool:
        """Tell whether a run of the DAG is queued or goes on."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns?state=queued&state=running&limit=1"
        answer = json_of(self._call("GET", path), expected=HTTPStatus.OK)
        return bool(_list(answer, "dag_runs"))

    # --- to change what it does ---

    def start_run(
        self,
        dag_id: str,
        dag_run_id: str,
        *,
        conf: Mapping[str, object] | None = None,
        run_after: datetime | None = None,
    ) -> None:
        """Have the run, made now or by an earlier call whose answer was lost; it waits until `run_after`.

        Raises AirflowBusyError where the same call will work later, AirflowDagError and
        AirflowRefusedError where a person must do something first.
        """
        body = {
            "dag_run_id": dag_run_id,
            "logical_date": None,  # required, and must not be in the future
            "conf": dict(conf or {}),
            **({"run_after": run_after.isoformat()} if run_after else {}),
        }
        answer = self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)
        if answer.status_code == HTTPStatus.CONFLICT:
            return
        if not answer.is_success:
            raise AirflowDagError(f"Airflow does not take the run: {reason_of(answer)}")
        if json_of(answer).get("dag_run_id") != dag_run_id:
            raise AirflowBusyError("something else than Airflow answers")

    def delete_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Have the run no more; False where it has begun and not ended."""
        answer = self._call("DELETE", path_of(dag_id, dag_run_id))
        if answer.status_code == HTTPStatus.CONFLICT:
            return False
        _require_done(answer, "delete")
        return True

    def end_run(self, dag_id: str, dag_run_id: str) -> None:
        """End a run that goes on, whatever its tasks do; as success, for nothing is wrong with it."""
        answer = self._call("PATCH", path_of(dag_id, dag_run_id), json={"state": "success"})
        _require_done(answer, "end")

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether a person has paused the DAG."""
        answer = self._call("GET", f"/api/v2/dags/{quote(dag_id)}")
        return bool(json_of(answer, expected=HTTPStatus.OK).get("is_paused"))

    # --- pages ---

    def _runs(self, dag_id: str, query: dict[str, Any], *, page: int = PAGE) -> Iterator[EndedRun]:
        runs = self._pages(dag_id, query, page=page)
        return (ended_run_from(run) for run in runs if run.get("end_date"))

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


def _list(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list):
        raise AirflowBusyError("something else than Airflow answers")
    return found


def _require_done(answer: httpx.Response, what: str) -> None:
    """Refuse all answers but that it is done, or that there is no such run."""
    is_missing = answer.status_code == HTTPStatus.NOT_FOUND and "detail" in json_of(answer)
    if not answer.is_success and not is_missing:
        raise AirflowDagError(f"Airflow does not {what} the run: {reason_of(answer)}")
