"""Airflow as a person sees it: runs and their tasks over the REST API, and their pages in the UI."""

from __future__ import annotations

import secrets
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from include.airflow_api.client import AirflowClient
from include.links import run_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]
ENDED = ("success", "failed")
TIMEOUT = httpx.Timeout(30)


@dataclass(frozen=True, kw_only=True)
class TaskTry:
    """One task of a run; a task that was skipped without starting has no times."""

    task: str
    state: str | None
    try_number: int
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class DemoAirflow:
    """The REST API, used as one of its users."""

    url: str
    client: AirflowClient = field(repr=False)

    @classmethod
    @contextmanager
    def at(cls, url: str, *, username: str, password: str) -> Iterator[Self]:
        """Give the Airflow at `url` as that user for the block; nothing is asked yet."""
        client = AirflowClient(
            url=url,
            username=username,
            password=SecretStr(password),
            timeout=TIMEOUT,
            trust_env=False,
        )
        with closing(client):
            yield cls(url=url, client=client)

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """Call the API under `/api/v2`; a refusal is an answer. Raises AirflowError where there is none."""
        return self.client.ask(method, f"/api/v2{path}", json=body)

    def start_run(self, dag: str, conf: Mapping[str, object]) -> str:
        """Start a run with these parameters, as the form in the UI does; returns its id."""
        run_id = f"by_hand.{secrets.token_hex(8)}"
        self.client.start_run(dag, run_id, conf=conf)
        return run_id

    def clear_run(self, dag: str, run_id: str) -> None:
        """Have all tasks of a run done again, as "Clear" in the UI does."""
        self.ask("POST", f"{_run_path(dag, run_id)}/clear", {"dry_run": False}).raise_for_status()

    def run_state(self, dag: str, run_id: str) -> str | None:
        """Return the state of a run; None where Airflow has no such run."""
        return self.client.run_state(dag, run_id)

    def own_run_at(self, dag: str) -> datetime | None:
        """Return when a DAG starts by itself next; None where it does not, or has as many runs as it may have."""
        return _instant(self._read(f"/dags/{dag}")["next_dagrun_run_after"])

    def open_runs(self, dag: str) -> int:
        """Return how many runs of a DAG have not ended."""
        count: int = self._read(f"/dags/{dag}/dagRuns?state=queued&state=running")["total_entries"]
        return count

    def tasks(self, dag: str, run_id: str) -> list[TaskTry]:
        """Return the tasks of a run; raises AirflowError, or httpx.HTTPError where Airflow has no such run."""
        found = self._read(f"{_run_path(dag, run_id)}/taskInstances")["task_instances"]
        return [_task_from(task) for task in found]

    def page_of(self, dag: str, run_id: str) -> str:
        """Return the address of a run in the UI."""
        return self.url + run_path(dag, run_id)

    def _read(self, path: str) -> Json:
        answer = self.ask("GET", path).raise_for_status()
        body: Json = answer.json()
        return body


def _run_path(dag: str, run_id: str) -> str:
    return f"/dags/{dag}/dagRuns/{quote(run_id, safe='')}"


def _task_from(task: Json) -> TaskTry:
    return TaskTry(
        task=task["task_id"],
        state=task["state"],
        try_number=task["try_number"],
        started_at=_instant(task["start_date"]),
        ended_at=_instant(task["end_date"]),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
