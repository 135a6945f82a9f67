"""Airflow's REST API, as far as the relay needs it: start a run, ask how a run is.

What Airflow 3.3.2 answers: POST /auth/token 201; POST dagRuns 200, or 409 where the id is taken; 404 for a
DAG it does not have, 400 for one with import errors. A DAG that is paused takes runs and keeps them queued.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from include.errors import AirflowBusyError, AirflowDagError, AirflowError, AirflowRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

TIMEOUT = httpx.Timeout(10, connect=2)
LIMITS = httpx.Limits(max_connections=1, keepalive_expiry=2)  # uvicorn closes after 5 idle seconds


class AirflowApi:
    """One user's session; not for several threads."""

    def __init__(self, *, url: str, username: str, password: SecretStr) -> None:
        """Log in when something is first asked."""
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT, limits=LIMITS)
        self._username = username
        self._password = password
        self._token: str | None = None

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
            raise AirflowDagError(f"Airflow does not take the run: {_reason(answer)}")
        if _json(answer).get("dag_run_id") != dag_run_id:
            raise AirflowBusyError("something else than Airflow answers")

    def run_state(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return queued, running, success or failed; None where Airflow has no such run."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(dag_run_id)}"
        answer = self._call("GET", path)
        if answer.status_code == HTTPStatus.NOT_FOUND and "detail" in _json(answer):
            return None
        return str(_json(answer, expected=HTTPStatus.OK).get("state"))

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether a person has paused the DAG."""
        answer = self._call("GET", f"/api/v2/dags/{quote(dag_id)}")
        return bool(_json(answer, expected=HTTPStatus.OK).get("is_paused"))

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _call(self, method: str, path: str, *, json: object = None) -> httpx.Response:
        """Send with a token; with a new one, once, where Airflow does not take it."""
        for is_last in (False, True):
            headers = {"Authorization": f"Bearer {self._token or self._log_in()}"}
            answer = self._send(method, path, json=json, headers=headers)
            if answer.status_code != HTTPStatus.UNAUTHORIZED or is_last:
                break
            self._token = None
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise AirflowRefusedError(f"Airflow refuses the relay's user: {answer.status_code}")
        return answer

    def _log_in(self) -> str:
        login = {"username": self._username, "password": self._password.get_secret_value()}
        answer = self._send("POST", "/auth/token", json=login)
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise AirflowRefusedError("Airflow refuses the relay's password")
        self._token = str(_json(answer, expected=HTTPStatus.CREATED)["access_token"])
        return self._token

    def _send(
        self, method: str, path: str, *, json: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=json, headers=headers)
        except httpx.HTTPError as error:
            raise AirflowBusyError(f"Airflow does not answer: {type(error).__name__}") from None
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise AirflowBusyError(f"Airflow answers {answer.status_code}")
        return answer


def _json(answer: httpx.Response, *, expected: HTTPStatus | None = None) -> dict[str, Any]:
    """Return the answer's object; a page of a proxy in between is no answer of Airflow's."""
    if expected and answer.status_code != expected:
        raise AirflowError(f"Airflow answers {answer.status_code}")
    try:
        document = answer.json()
    except ValueError:
        raise AirflowBusyError("something else than Airflow answers") from None
    return document if isinstance(document, dict) else {}


def _reason(answer: httpx.Response) -> str:
    """Quote Airflow's own reason, shortened; what we sent is ids only."""
    return f"{answer.status_code} {str(_json(answer).get('detail', ''))[:200]}".strip()
