"""Airflow as a person sees it: runs and their tasks over the REST API, and their pages in the UI."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]
ENDED = ("success", "failed")
TIMEOUT_SECONDS = 30


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
    """The REST API, used as one of its users; `http` speaks to it."""

    url: str
    username: str
    password: str = field(repr=False)
    http: httpx.Client = field(repr=False)

    @classmethod
    @contextmanager
    def at(cls, url: str, *, username: str, password: str) -> Iterator[Self]:
        """Give the Airflow at `url` as that user for the block; nothing is asked yet."""
        with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as http:
            yield cls(url=url, username=username, password=password, http=http)

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """Call the API under `/api/v2`, with a fresh token where the last one is not accepted."""
        answer = self.http.request(method, f"/api/v2{path}", json=body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self.http.request(method, f"/api/v2{path}", json=body)
        return answer

    def start_run(self, dag: str, conf: Mapping[str, object]) -> str:
        """Start a run with these parameters, as the form in the UI does; returns its id."""
        run_id = f"by_hand.{secrets.token_hex(8)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.ask("POST", f"/dags/{dag}/dagRuns", body).raise_for_status()
        return run_id

    def clear_run(self, dag: str, run_id: str) -> None:
        """Have all tasks of a run done again, as "Clear" in the UI does."""
        self.ask("POST", f"{_run_path(dag, run_id)}/clear", {"dry_run": False}).raise_for_status()

    def run_state(self, dag: str, run_id: str) -> str:
        """Return the state of a run; raises httpx.HTTPError."""
        state: str = self._read(_run_path(dag, run_id))["state"]
        return state

    def own_run_at(self, dag: str) -> datetime | None:
        """Return when a DAG starts by itself next; None where it does not, or has as many runs as it may have."""
        return _instant(self._read(f"/dags/{dag}")["next_dagrun_run_after"])

    def open_runs(self, dag: str) -> int:
        """Return how many runs of a DAG have not ended."""
        count: int = self._read(f"/dags/{dag}/dagRuns?state=queued&state=running")["total_entries"]
        return count

    def tasks(self, dag: str, run_id: str) -> list[TaskTry]:
        """Return the tasks of a run; raises httpx.HTTPError."""
        found = self._read(f"{_run_path(dag, run_id)}/taskInstances")["task_instances"]
        return [_task_from(task) for task in found]

    def page_of(self, dag: str, run_id: str) -> str:
        """Return the address of a run in the UI."""
        return f"{self.url}/dags/{dag}/runs/{quote(run_id, safe='')}"

    def _read(self, path: str) -> Json:
        answer = self.ask("GET", path).raise_for_status()
        body: Json = answer.json()
        return body

    def _log_in(self) -> None:
        who = {"username": self.username, "password": self.password}
        token = self.http.post("/auth/token", json=who).raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"


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
