"""Celery, where tasks run on several hosts: does the broker answer, and does any worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.configuration import conf

from include.check_results import DoctorCheck, failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.check_results import CheckResult

GROUP: Final = "Celery"
BROKER: Final = "broker"
WORKERS: Final = "workers"
BROKER_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 3.0  # workers answer at once; this is how long their answers are waited for
START_SOME: Final = (
    "start workers: `docker compose … up --detach --scale worker=2`, or see why theirs end"
)


def checks() -> list[DoctorCheck]:
    """Return the check; none where the scheduler runs the tasks itself."""
    if "CeleryExecutor" not in (conf.get("core", "executor", fallback="") or ""):
        return []
    advice = "is Redis up, and AIRFLOW__CELERY__BROKER_URL its address?"
    return [DoctorCheck(group=GROUP, name=BROKER, look=_look, advice=advice)]


def _look() -> Iterable[CheckResult]:
    """Ask the broker, and by it the workers."""
    from airflow.providers.celery.executors.celery_executor_utils import app  # noqa: PLC0415 - in the image alone
    from kombu.exceptions import OperationalError  # noqa: PLC0415 - same

    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except (OperationalError, OSError) as error:
        yield failed(BROKER, f"does not answer ({type(error).__name__})", "is Redis up?")
        return
    yield ok(BROKER, "answers")
    yield workers_in(app.control.inspect(timeout=ANSWER_SECONDS).stats())


def workers_in(answers: Mapping[str, Any] | None) -> CheckResult:
    """Judge what the workers said of themselves."""
    if not answers:
        return failed(WORKERS, "none answers: every task waits in the queue", START_SOME)
    slots = sum(_slots_of(one) for one in answers.values())
    many = f"{len(answers)} answer{'' if len(answers) > 1 else 's'}, {slots} tasks at once"
    if not slots:
        return failed(WORKERS, f"{many}: no task ever runs", START_SOME)
    if len(answers) == 1:
        return warning(WORKERS, f"{many}: where it ends, tasks wait for the next one", START_SOME)
    return ok(WORKERS, many)


def _slots_of(worker: Mapping[str, Any]) -> int:
    return int((worker.get("pool") or {}).get("max-concurrency") or 0)
