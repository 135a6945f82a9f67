"""What is done once in the parent of all workers, the warm executor's and Celery's, so that no task has to.

A task's process lives a tenth of a second, and most of it went into things that the task before had made too.
What each of them costs is measured in `docs/decisions/0044`.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

REAP_SECONDS = 0.01

AIRFLOW_PRELOAD = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.execution_time.timeout",
    "airflow.sdk.observability.stats",
    "airflow.providers.standard.operators.python",
    "airflow.version",
    "jinja2.ext",
)


def warm_up(**_signal: object) -> None:
    """Import what tasks import, read what they read, and change what makes them wait for nothing."""
    from include.dagkit import PRELOAD  # noqa: PLC0415 - the scheduler reads this module too, for Celery's settings
    from include.membership import policy  # noqa: PLC0415
    from include.vendors.manifests import MANIFESTS  # noqa: PLC0415

    of_vendors = (module for vendor in MANIFESTS.values() for module in vendor.preload)
    for module in (*AIRFLOW_PRELOAD, *PRELOAD, *of_vendors):
        importlib.import_module(module)
    with suppress(policy.PolicyError):  # those say it who need it; all others go on
        policy.shipped()
    _load_plugins_once()
    share_decoders()
    share_dags()
    reap_promptly()
    beat_when_due()


def _load_plugins_once() -> None:
    """Execute the plugin files in the parent: forked tasks inherit them."""
    from airflow.sdk.listener import get_listener_manager  # noqa: PLC0415
    from airflow.sdk.plugins_manager import integrate_macros_plugins  # noqa: PLC0415

    get_listener_manager()
    integrate_macros_plugins()


def share_decoders() -> None:
    """Make the decoder of the supervisor's messages once: pydantic builds its schema anew in each task, twice."""
    comms: Any = importlib.import_module("airflow.sdk.execution_time.comms")
    if not hasattr(comms.TypeAdapter, "cache_info"):
        comms.TypeAdapter = functools.cache(comms.TypeAdapter)
    comms.TypeAdapter(comms.ToTask)


def share_dags() -> None:
    """Parse each DAG file once; a task takes what came of it for as long as the file is the same.

    A task of another bundle, of a file that has changed, that is new or that could not be read parses it as ever.
    """
    from airflow.dag_processing import dagbag  # noqa: PLC0415
    from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: PLC0415

    parse, parsed = dagbag.BundleDagBag, {}
    on_crash = signal.getsignal(signal.SIGSEGV) or signal.SIG_DFL
    for bundle in DagBundlesManager().get_all_dag_bundles():  # type: ignore[no-untyped-call]
        if bundle.supports_versioning:
            continue
        for file in sorted(Path(bundle.path).glob("*.py")):
            stamp = _stamp(file)
            bag = parse(
                dag_folder=os.fspath(file),
                safe_mode=False,
                load_op_links=False,
                bundle_path=bundle.path,
                bundle_name=bundle.name,
            )
            if not bag.import_errors:
                parsed[os.fspath(file)] = stamp, bag
    # With the handler that the parser leaves a process that crashes would hang.
    signal.signal(signal.SIGSEGV, on_crash)

    def take(dag_folder: str, **options: Any) -> Any:
        stamp, bag = parsed.get(dag_folder, (None, None))
        return (
            bag
            if stamp and stamp == _stamp(dag_folder)
            else parse(dag_folder=dag_folder, **options)
        )

    dagbag.BundleDagBag = take  # type: ignore[assignment, misc]


def _stamp(file: str | os.PathLike[str]) -> tuple[int, ...]:
    """Return what differs when a file has been written again; nothing where there is none."""
    with suppress(OSError):
        found = os.stat(file)  # noqa: PTH116 - a string, as Airflow has it
        return found.st_ino, found.st_size, found.st_mtime_ns
    return ()


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


def beat_when_due() -> None:
    """Let a task's first heartbeat come after `[workers] min_heartbeat_interval`, as all others do.

    Airflow 3.3.2's supervisor sends one a moment after it has told the server that the task begins, which counts as
    one. The task's own first question waits for it.
    """
    from airflow.sdk.execution_time.supervisor import ActivitySubprocess  # noqa: PLC0415

    supervised: Any = ActivitySubprocess
    begin = supervised._on_child_started  # noqa: SLF001 - no public way; the version is pinned

    def begin_with_a_beat(self: Any, **options: Any) -> None:
        begin(self, **options)
        self._last_heartbeat_attempt = time.monotonic()

    supervised._on_child_started = begin_with_a_beat  # noqa: SLF001
