"""What the doctor says of Celery's workers; that it asks them is tried where production is started."""

import pytest

from include.check_results import CheckStatus
from include.operate.doctor import workers


def worker(slots):
    """Return what a worker says of itself, as far as it is read."""
    return {"pool": {"implementation": "prefork", "max-concurrency": slots}, "pid": 7}


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_worker_is_a_failure(nothing):
    """Every task waits, and nobody else would say why."""
    found = workers.workers_in(nothing)

    assert found.status is CheckStatus.FAILED
    assert "every task waits" in found.reason


def test_workers_without_slots_are_a_failure():
    """They answer, and take nothing."""
    assert workers.workers_in({"celery@a": worker(0), "celery@b": {}}).status is CheckStatus.FAILED


def test_a_single_worker_is_a_warning():
    """Its end is a standstill until there is another."""
    assert workers.workers_in({"celery@a": worker(4)}).status is CheckStatus.WARNING


def test_their_slots_are_added_up():
    """So that a person sees how many tasks run at once."""
    found = workers.workers_in({"celery@a": worker(4), "celery@b": worker(4)})

    assert (found.status, found.reason) == (CheckStatus.OK, "2 answer, 8 tasks at once")


def test_without_celery_there_is_nothing_to_look_at(monkeypatch):
    """On one host the scheduler runs the tasks itself."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "include.airflow_host.executor.WarmLocalExecutor")
    assert workers.checks() == []

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    assert [check.name for check in workers.checks()] == [workers.BROKER]
