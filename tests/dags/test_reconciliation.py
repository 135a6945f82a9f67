"""The tasks of `reconciliation`, each run as Airflow's task process does."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from include.jobs.reconciliation import steps
from tests.airflow_stand_in import running_airflow
from tests.airflow_task import run_task

DAG, RUN = "reconciliation", "scheduled__2026-03-01T12:00:00+00:00"
TASKS = ("check_runs", "close")
ALL = ("check_runs", "read_events", "compare_members", "compare_contacts", "close")
DEEP = {"deep": True, "dry_run": False, "most_percent": None}


@pytest.fixture(autouse=True)
def _by_day(monkeypatch):
    """Let no run be the deep one of the night unless its form says so, whenever the tests run."""
    monkeypatch.setattr(steps, "NIGHT", range(0))


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
    conf = options.pop("conf", {"deep": False, "dry_run": False, "most_percent": None})
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


def test_short_run_skips_the_vendors(connected, airflow):
    """Four times an hour nobody at Stripe, Clerk and Mailchimp is asked for all they have."""
    end = run("check_runs")

    assert end.skipped == ["read_events", "compare_members", "compare_contacts"]


def test_deep_run_goes_through_all_tasks(connected, airflow):
    """A member whom we never heard of is read from the vendors' lists."""
    connected.join()

    ends = [run(task, conf=DEEP) for task in ALL]

    assert [(end.state, end.error) for end in ends] == [("success", None)] * 5
    [report] = connected.store.reconciliations.latest(1)
    assert (report.is_deep, report.finished_at is not None) == (True, True)
    assert report.findings["clerk_state"].repaired == 1


def test_more_than_the_share_turns_the_run_red(connected, airflow):
    """A person must look: the last task says what, and how much."""
    for number in range(11):
        connected.join(email=f"member_{number}@example.org")

    ends = [run(task, conf=DEEP) for task in ALL]

    assert [end.state for end in ends] == ["success"] * 4 + ["failed"]
    assert "clerk_state: 11 of 11 differ (100.0 %, allowed are 5 %)" in str(ends[-1].error)


def test_person_may_raise_the_share_for_a_run(connected, airflow):
    """She has looked, and our side is the one that is wrong."""
    for number in range(11):
        connected.join(email=f"member_{number}@example.org")

    ends = [run(task, conf={**DEEP, "most_percent": 100}) for task in ALL]

    assert [end.state for end in ends] == ["success"] * 5


def test_dry_run_tells_nobody_and_asks_nobody(connected, airflow):
    """A person only looks: no message, no review, nothing noted."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    airflow.end("mailchimp_sync", "killed", "failed", ended, failed_task="record")
    dry = {"deep": False, "dry_run": True, "most_percent": None}

    ends = [run(task, conf=dry) for task in TASKS]

    assert [end.state for end in ends] == ["success"] * 2
    assert connected.sandbox.ask("GET", "state/slack")["messages"] == []
    [report] = connected.store.reconciliations.latest(1)
    assert (report.findings["untold_failures"].found, report.is_dry_run) == (1, True)


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


def test_try_that_ended_halfway_hides_nothing_from_the_next(connected, airflow):
    """Airflow stops answering in the middle: what the first try had begun to look at, the second closes."""
    connected.receive(*connected.join())
    now = connected.clock.now()
    claim = connected.store.dispatches.claim(
        "mailchimp_sync", now=now, max_in_flight=9, batch_size=500, member_limit=100
    )
    connected.store.dispatches.started(claim.dag_run_id, now=now - timedelta(minutes=5))
    airflow.fail(503)

    ends = [run("check_runs", try_number=number) for number in (1, 2)]

    assert airflow.faults_left == []
    assert [end.state for end in ends] == ["up_for_retry", "success"]
    assert connected.store.dispatches.get(claim.dag_run_id).state == "lost"


def test_cleared_tasks_repeat_nothing(connected, airflow):
    """Each may be cleared alone: nobody is told twice."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    airflow.end("mailchimp_sync", "killed", "failed", ended, failed_task="record")
    for task in TASKS:
        run(task)

    again = [run(task, try_number=2, max_tries=4) for task in TASKS]

    assert [end.state for end in again] == ["success"] * 2
    assert len(connected.sandbox.ask("GET", "state/slack")["messages"]) == 1
