"""What Airflow's processes share: made once in the fork server, before there are forks.

Each of them would import it, or make it with its first query or request. What that costs is told at each step;
it is measured in `docs/decisions/0027`. Nothing here opens a connection or starts a thread: forks would share those.
"""

from __future__ import annotations

import gc
import importlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from fastapi import FastAPI

MODULES = (
    "airflow.cli.cli_parser",
    "airflow.models.dagbag",
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.dag_processing.manager",
    "airflow.dag_processing.processor",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.definitions.decorators",
    "airflow.providers.standard.operators.python",
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.execution_api.app",
    # What callbacks need, which run in DAG processor and triggerer.
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.slack.hooks.slack",
    "include.store",
    "include.notify.outbox",
)


def preload() -> None:
    """Make all of it, and put it out of the collector's reach."""
    for module in MODULES:
        importlib.import_module(module)
    prepare_models()
    prepare_clients()
    share_execution_api()
    gc.collect()
    gc.freeze()  # a collection would write to every page and so copy it


def prepare_models() -> None:
    """Do what SQLAlchemy does with the first query of a process, and the command line's parser with its first line.

    23 MiB in each process, and 8.
    """
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - imported when it is shared
    from sqlalchemy.orm import configure_mappers  # noqa: PLC0415

    configure_mappers()
    get_parser()


def prepare_clients() -> None:
    """Read the certificates that a client of the Execution API keeps: 3 MiB in each process, in each worker too."""
    from airflow.sdk.api.client import Client  # noqa: PLC0415

    Client(base_url="http://127.0.0.1", token="").close()


def share_execution_api() -> None:
    """Make the Execution API with its routes; a fork takes it instead of one of its own.

    API server, DAG processor and triggerer have one each. It makes the routes of its nine versions with its first
    request: four seconds of a core, in which the first task waits, and 50 MiB. A second one in a process is made
    as ever.
    """
    from airflow.api_fastapi import app as server  # noqa: PLC0415
    from airflow.api_fastapi.execution_api import app as execution  # noqa: PLC0415

    make = execution.create_task_execution_api_app
    made: list[Any] = [make()]
    made[0]._cadwyn_initialize()  # noqa: SLF001 - what its first request does; the version is pinned

    def take(lifespan: Any = execution.lifespan) -> FastAPI:
        if not made:
            return make(lifespan)
        app = made.pop()
        app.router.lifespan_context = lifespan
        return cast("FastAPI", app)

    for module in (execution, server):
        module.create_task_execution_api_app = take  # type: ignore[attr-defined]
