"""Airflow's REST API, as far as the local stack itself uses it: DAGs parsed, and a first run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import httpx

from include.operate.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from include.lab.stack.stack import Stack

CREATED = 201
NOT_FOUND = 404


class AdminAirflow:
    """Airflow as its admin; a token lives for a day, longer than any use of this."""

    def __init__(self, stack: Stack) -> None:
        """Log in; raise CommandError where somebody else answers on the stack's port."""
        self._client = httpx.Client(base_url=stack.airflow_url, timeout=30, trust_env=False)
        answer = self._client.post("/auth/token", json=stack.users["admin"])
        if answer.status_code != CREATED:
            raise CommandError(
                f"what answers at {stack.airflow_url} is not this stack's Airflow: start again"
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> Self:
        """Keep the connection for the block."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._client.close()

    def missing_dags(self, wanted: Iterable[str]) -> list[str]:
        """Return those of the wanted DAGs that Airflow does not know (yet)."""
        found = self._client.get("/api/v2/dags", params={"limit": 100}).raise_for_status().json()
        known = {dag["dag_id"] for dag in found["dags"]}
        return sorted(set(wanted) - known)

    def import_errors(self) -> list[str]:
        """Return the last line of each import error, with its file."""
        answer = self._client.get("/api/v2/importErrors").raise_for_status().json()
        return [
            f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}"
            for error in answer["import_errors"]
        ]

    def start_run(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body).raise_for_status()

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        answer = self._client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").raise_for_status()
        return str(answer.json()["state"])

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Forget a run that has ended; one that is gone is fine."""
        answer = self._client.delete(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        if answer.status_code != NOT_FOUND:
            answer.raise_for_status()
