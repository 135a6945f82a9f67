"""Run one task of a DAG as Airflow's task process does, without a database of Airflow's.

`FakeExecutionAPI` answers what the task runner asks of the API server, and keeps what it was told. These are
Airflow's internal modules: they hold for the pinned version.
"""

from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

os.environ["_AIRFLOW_SKIP_DB_TESTS"] = "true"

import httpx
import orjson
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.supervisor import run_task_in_process

ROOT = Path(__file__).resolve().parents[1]
DAGS = ROOT / "dags"


class FakeExecutionAPI:
    """What the task sees of the API server."""

    def __init__(self, *, run_id: str, conf: dict[str, Any], max_tries: int):
        """Answer for one task of the run `run_id`."""
        self.run_id, self.conf, self.max_tries = run_id, conf, max_tries
        self.calls: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one call."""
        body = orjson.loads(request.content) if request.content else None
        self.calls.append((request.method, request.url.path, body))
        if request.url.path.endswith("/run"):
            return httpx.Response(200, json=self._context(body))
        if request.url.path.endswith("/slice"):
            return httpx.Response(200, json=[])
        if request.url.path.endswith("/breadcrumbs"):
            return httpx.Response(200, json={"breadcrumbs": []})
        if "/hitlDetails/" in request.url.path:
            return httpx.Response(201, json=body)
        return httpx.Response(200, json={"ok": True})

    def _context(self, body: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        run = {
            "dag_id": "d",
            "run_id": self.run_id,
            "logical_date": None,
            "data_interval_start": None,
            "data_interval_end": None,
            "start_date": now,
            "end_date": None,
            "run_after": now,
            "run_type": "scheduled" if self.run_id.startswith("scheduled__") else "manual",
            "state": "running",
            "conf": self.conf,
            "partition_key": None,
            "consumed_asset_events": [],
        }
        return {
            "dag_run": run,
            "max_tries": self.max_tries,
            "should_retry": body is not None and self.try_number <= self.max_tries,
            "task_reschedule_count": 0,
            **self._resumption(),
        }

    def _resumption(self) -> dict[str, Any]:
        """Say how a task goes on that had waited for an event."""
        if self.event is None:
            return {}
        return {"next_method": "execute_complete", "next_kwargs": {"event": self.event}}

    try_number = 1
    event: dict[str, Any] | None = None


@dataclass(frozen=True)
class TaskEnd:
    """How a task ended."""

    state: str
    error: BaseException | None
    calls: list[tuple[str, str, Any]]

    @property
    def skipped(self) -> list[str]:
        """Return the tasks it had skipped."""
        bodies = [body for _, path, body in self.calls if path.endswith("/skip-downstream")]
        return [task for body in bodies for task in body["tasks"]]

    @property
    def xcoms(self) -> list[str]:
        """Return the paths it pushed XComs to."""
        return [path for method, path, _ in self.calls if method == "POST" and "/xcoms/" in path]


@cache
def load_dags() -> BundleDagBag:
    """Parse the DAG folder, as the DAG processor does."""
    return BundleDagBag(
        dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder", load_op_links=False
    )


def run_task(  # noqa: PLR0913 - what a try of a task is
    dag_id: str,
    task_id: str,
    *,
    run_id: str,
    conf: dict[str, Any] | None = None,
    try_number: int = 1,
    max_tries: int | None = None,
    event: dict[str, Any] | None = None,
) -> TaskEnd:
    """Run one try of a task, and say how it ended; `max_tries` is the task's retries, unless it was cleared.

    With an `event` it is the second half of a task that has waited for that.
    """
    dag = deepcopy(load_dags().dags[dag_id])
    task = dag.get_task(task_id)
    # Into these a run's `conf` is written, and a DAG's copy shares them with all others.
    dag.params, task.params = deepcopy(dag.params), deepcopy(task.params)
    tries = task.retries if max_tries is None else max_tries
    api = FakeExecutionAPI(run_id=run_id, conf=conf or {}, max_tries=tries)
    api.try_number, api.event = try_number, event
    client = Client(base_url=None, dry_run=True, token="", transport=httpx.MockTransport(api))
    client.base_url = "http://in-process.invalid./"
    instance = TaskInstance(
        id=uuid4(),
        task_id=task_id,
        dag_id=dag_id,
        run_id=run_id,
        try_number=try_number,
        map_index=-1,
        dag_version_id=uuid4(),
    )
    result = run_task_in_process(instance, task, client=client)
    return TaskEnd(state=str(result.state.value), error=result.error, calls=api.calls)
