"""What is done once in the parent of all workers, the warm executor's and Celery's, so that no task has to."""

from __future__ import annotations

import importlib
from typing import Any

REAP_SECONDS = 0.01

AIRFLOW_PRELOAD = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.definitions.decorators",
    "airflow.providers.standard.operators.python",
)


def warm_up(**_signal: object) -> None:
    """Import what tasks import, execute the plugin files, and have workers reap their tasks promptly."""
    from include.dagkit import PRELOAD  # noqa: PLC0415 - the scheduler reads this module too, for Celery's settings

    for module in AIRFLOW_PRELOAD + PRELOAD:
        importlib.import_module(module)
    _load_plugins_once()
    reap_promptly()


def _load_plugins_once() -> None:
    """Execute the plugin files in the parent: forked tasks inherit them."""
    from airflow.sdk.listener import get_listener_manager  # noqa: PLC0415
    from airflow.sdk.plugins_manager import integrate_macros_plugins  # noqa: PLC0415

    get_listener_manager()
    integrate_macros_plugins()


def reap_promptly() -> None:
    """Let a worker go on as soon as its task has ended.

    Airflow 3.3.2's supervisor waits in `select` for its task's sockets. Once the last has closed, the
    exit code is asked for once; a process that is a moment slower to die than its sockets is then waited
    for in a `select` on nothing, for all of `[workers] min_heartbeat_interval`: 5 s in which the worker
    takes no task. Measured on two cores: 60 % of all tasks. So: no long wait without open sockets.
    """
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess  # noqa: PLC0415

    supervised: Any = WatchedSubprocess
    service = supervised._service_subprocess  # noqa: SLF001 - no public way; the version is pinned

    def service_promptly(self: Any, max_wait_time: float, **options: Any) -> Any:
        wait = max_wait_time if self._open_sockets else min(max_wait_time, REAP_SECONDS)
        return service(self, wait, **options)

    supervised._service_subprocess = service_promptly  # noqa: SLF001
