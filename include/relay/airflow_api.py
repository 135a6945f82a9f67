"""Airflow's REST API, as far as the relay needs it: start a run, ask how a run is.

What Airflow 3.3.2 answers: POST /auth/token 201; POST dagRuns 200, or 409 where the id is taken; 404 for a
DAG it does not have, 400 for one with import errors. A DAG that is paused takes runs and keeps them queued.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from include.airflow_session import AirflowSession, json_of, reason_of
from include.errors import AirflowBusyError, AirflowDagError

if TYPE_CHECKING:
    from collections.abc import Sequence


class AirflowApi(AirflowSession):
    """The relay's session: beside how runs are, it starts them."""

    def start_run(self, dag_id: str, dag_run_id: str, *, inbox_ids: Sequence[int]) -> None:
        """Have the run, started now or by an earlier call whose answer was lost.

        Raises AirflowBusyError where the same call will work later, AirflowDagError and
        AirflowRefusedError where a person must do something first.
        """
        body = {
            "dag_run_id": dag_run_id,
            "logical_date": None,  # required, and must not be in the future
            "conf": {"inbox_ids": list(inbox_ids)},
        }
        answer = self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)
        if answer.status_code == HTTPStatus.CONFLICT:
            return
        if not answer.is_success:
            raise AirflowDagError(f"Airflow does not take the run: {reason_of(answer)}")
        if json_of(answer).get("dag_run_id") != dag_run_id:
            raise AirflowBusyError("something else than Airflow answers")

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether a person has paused the DAG."""
        answer = self._call("GET", f"/api/v2/dags/{quote(dag_id)}")
        return bool(json_of(answer, expected=HTTPStatus.OK).get("is_paused"))
