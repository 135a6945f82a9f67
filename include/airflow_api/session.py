"""One user's session with Airflow's REST API: log in, ask, and say in our errors what went wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from include.errors import AirflowBusyError, AirflowError, AirflowRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

TIMEOUT = httpx.Timeout(10, connect=2)
REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""What Airflow 3.3.2 says to a token that has expired: 401. To one by another JWT secret, or without a right: 403."""
LIMITS = httpx.Limits(max_connections=1, keepalive_expiry=2)  # uvicorn closes after 5 idle seconds


class AirflowSession:
    """One user's session; not for several threads."""

    def __init__(
        self,
        *,
        url: str,
        username: str,
        password: SecretStr,
        timeout: httpx.Timeout | None = None,
        trust_env: bool = True,
    ) -> None:
        """Log in when something is first asked; by the environment's proxy, unless that is not trusted."""
        self._client = httpx.Client(
            base_url=url.rstrip("/"), timeout=timeout or TIMEOUT, limits=LIMITS, trust_env=trust_env
        )
        self._username = username
        self._password = password
        self._token: str | None = None

    def run_state(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return queued, running, success or failed; None where Airflow has no such run."""
        answer = self._call("GET", path_of(dag_id, dag_run_id))
        if answer.status_code == HTTPStatus.NOT_FOUND and "detail" in json_of(answer):
            return None
        return str(json_of(answer, expected=HTTPStatus.OK).get("state"))

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str | int] | None = None,
    ) -> httpx.Response:
        """Send with a token; raise AirflowRefusedError where the user may not do that."""
        answer = self.ask(method, path, json=json, params=params)
        if answer.status_code in REFUSED:
            raise AirflowRefusedError(
                f"Airflow refuses the user {self._username}: {answer.status_code}"
            )
        return answer

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str | int] | None = None,
    ) -> httpx.Response:
        """Send with a token, and with a new one, once, where Airflow does not take it; a refusal is an answer."""
        for is_last in (False, True):
            headers = {"Authorization": f"Bearer {self._token or self._log_in()}"}
            answer = self._send(method, path, json=json, params=params, headers=headers)
            if is_last or answer.status_code not in REFUSED:
                break
            self._token = None
        return answer

    def _log_in(self) -> str:
        login = {"username": self._username, "password": self._password.get_secret_value()}
        answer = self._send("POST", "/auth/token", json=login)
        if answer.status_code in REFUSED:
            raise AirflowRefusedError(f"Airflow refuses the password of {self._username}")
        self._token = str(json_of(answer, expected=HTTPStatus.CREATED)["access_token"])
        return self._token

    def _send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=json, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise AirflowBusyError(f"Airflow does not answer: {type(error).__name__}") from None
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise AirflowBusyError(f"Airflow answers {answer.status_code}")
        return answer


def path_of(dag_id: str, dag_run_id: str) -> str:
    """Return where a run is."""
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(dag_run_id)}"


def json_of(answer: httpx.Response, *, expected: HTTPStatus | None = None) -> dict[str, Any]:
    """Return the answer's object; a page of a proxy in between is no answer of Airflow's."""
    if expected and answer.status_code != expected:
        raise AirflowError(f"Airflow answers {answer.status_code}")
    try:
        document = answer.json()
    except ValueError:
        raise AirflowBusyError("something else than Airflow answers") from None
    return document if isinstance(document, dict) else {}


def reason_of(answer: httpx.Response) -> str:
    """Quote Airflow's own reason, shortened; what we sent is ids only."""
    return f"{answer.status_code} {str(json_of(answer).get('detail', ''))[:200]}".strip()
