"""The tasks of `reconciliation`, each run as Airflow's task process does."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tests.airflow_stand_in import running_airflow
from tests.airflow_task import run_task

DAG, RUN = "reconciliation", "scheduled__2026-03-01T12:00:00+00:00"
TASKS = ("check_runs", "close")


@pytest.fixture
def airflow(connected, monkeypatch):
    """Give an Airflow that the tasks ask."""
    with running_airflow() as airflow:
        connection = {
            "conn_type": "http",
            "host": airflow.url,
            "login": "reconciler",
            "password": airflow.password,
        }
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW", orjson.dumps(connection).decode())
        yield airflow


def run(task, **options):
    """Run one task."""
    conf = options.pop("conf", {"deep": False, "dry_run": False})
    return run_task(DAG, task, run_id=RUN, conf=conf, **options)


def test_failed_run_that_nobody_was_told_of_is_told(connected, airflow):
    """Found by the first task, told by the last one; the report is closed."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    airflow.end("mailchimp_sync", "killed", "failed", ended, failed_task="record")

    ends = [run(task) for task in TASKS]

    assert [(end.state, end.error) for end in ends] == [("success", None)] * 2
    [message] = connected.sandbox.ask("GET", "state/slack")["messages"]
    assert "the task `record` failed" in message["text"]
    [report] = connected.store.reconciliations.latest(1)
    assert (report.dag_run_id, report.finished_at is not None) == (RUN, True)
    assert report.findings["untold_failures"].repaired == 1


def test_slack_outage_fails_no_run(connected, airflow):
    """The message waits for the next run; this one is green."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    airflow.end("mailchimp_sync", "killed", "failed", ended, failed_task="record")
    connected.sandbox.fault("slack", "status", status=503)

    ends = [run(task) for task in TASKS]

    assert [end.state for end in ends] == ["success"] * 2
    assert len(connected.store.notices.waiting()) == 1
    assert connected.sandbox.fired() == 1


def test_airflow_that_is_down_is_tried_again_then_said(connected, airflow):
    """Three more tries; then the run is red, and says what was not checked."""
    airflow.fail(*[503] * 9)

    first = run("check_runs")
    last = run("close")

    assert first.state == "up_for_retry"
    assert last.state == "failed"
    assert str(last.error).startswith("not checked: ")
    assert airflow.faults_left != [503] * 9


def test_cleared_tasks_repeat_nothing(connected, airflow):
    """Each may be cleared alone: nobody is told twice."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    airflow.end("mailchimp_sync", "killed", "failed", ended, failed_task="record")
    for task in TASKS:
        run(task)

    again = [run(task, try_number=2, max_tries=4) for task in TASKS]

    assert [end.state for end in again] == ["success"] * 2
    assert len(connected.sandbox.ask("GET", "state/slack")["messages"]) == 1
