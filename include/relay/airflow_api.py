"""Airflow's REST API, as far as the relay needs it: start a run, now or later, ask how it is, take it back.

What Airflow 3.3.2 answers: POST /auth/token 201; POST dagRuns 200, or 409 where the id is taken; 404 for a
DAG it does not have, 400 for one with import errors. A DAG that is paused takes runs and keeps them queued, and
so does any DAG until their `run_after`. DELETE of a run 204, or 409 while it goes on; PATCH ends it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from include.airflow_api.session import AirflowSession, json_of, reason_of
from include.errors import AirflowBusyError, AirflowDagError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import httpx


class RelayAirflow(AirflowSession):
    """The relay's session: beside how runs are, it starts them."""

    def start_run(
        self,
        dag_id: str,
        dag_run_id: str,
        *,
        conf: Mapping[str, object],
        run_after: datetime | None = None,
    ) -> None:
        """Have the run, made now or by an earlier call whose answer was lost; it waits until `run_after`.

        Raises AirflowBusyError where the same call will work later, AirflowDagError and
        AirflowRefusedError where a person must do something first.
        """
        body = {
            "dag_run_id": dag_run_id,
            "logical_date": None,  # required, and must not be in the future
            "conf": dict(conf),
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
        answer = self._call("DELETE", _path_of(dag_id, dag_run_id))
        if answer.status_code == HTTPStatus.CONFLICT:
            return False
        _require_done(answer, "delete")
        return True

    def end_run(self, dag_id: str, dag_run_id: str) -> None:
        """End a run that goes on, whatever its tasks do; as success, for nothing is wrong with it."""
        answer = self._call("PATCH", _path_of(dag_id, dag_run_id), json={"state": "success"})
        _require_done(answer, "end")

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether a person has paused the DAG."""
        answer = self._call("GET", f"/api/v2/dags/{quote(dag_id)}")
        return bool(json_of(answer, expected=HTTPStatus.OK).get("is_paused"))


def _path_of(dag_id: str, dag_run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(dag_run_id)}"


def _require_done(answer: httpx.Response, what: str) -> None:
    """Refuse all answers but that it is done, or that there is no such run."""
    is_missing = answer.status_code == HTTPStatus.NOT_FOUND and "detail" in json_of(answer)
    if not answer.is_success and not is_missing:
        raise AirflowDagError(f"Airflow does not {what} the run: {reason_of(answer)}")
