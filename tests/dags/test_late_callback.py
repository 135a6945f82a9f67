"""The callback of every DAG's deadline, called as the triggerer calls it."""

import asyncio

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from include.airflow_api.deadlines import RunAfterDeadline
from include.dagkit import report_failure, report_late
from tests.airflow_task import load_dags
from tests.dags.test_failure_callback import full_context, messages

RUN = "stripe.test.evt_1"


def late_context(state="running"):
    """Return what Airflow gives a deadline's callback: the run as its REST API shows it."""
    return {
        "dag_run": {"dag_id": "mailchimp_sync", "dag_run_id": RUN, "state": state},
        "deadline": {"id": "1", "deadline_time": "2026-03-01T12:00:00Z"},
    }


@pytest.mark.parametrize("state", ["queued", "running"])
def test_late_run_is_told(connected, state):
    """A run that waits to start is as late as one that does not come to its end."""
    asyncio.run(report_late(late_context(state)))

    [text] = messages(connected)
    assert text.startswith(":red_circle: *mailchimp_sync* is late: the run is not over in time")
    assert f"/dags/mailchimp_sync/runs/{RUN}" in text


def test_without_slack_a_late_run_is_noted(connected, monkeypatch):
    """Slack can be done without: nothing fails for want of it."""
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", "")

    asyncio.run(report_late(late_context()))

    assert len(connected.store.notices.waiting()) == 1
    assert connected.sandbox.count("slack") == 0


@pytest.mark.parametrize("state", ["failed", "success"])
def test_ended_run_is_not_called_late(connected, state):
    """Airflow 3.3.2 calls for runs that failed before their deadline, too: those are told of already."""
    asyncio.run(report_late(late_context(state)))

    assert messages(connected) == []


def test_late_run_that_fails_is_told_again(connected):
    """Late and failed are two pieces of news about one run."""
    asyncio.run(report_late(late_context()))
    connected.query("UPDATE ops.notice_runs SET failed_at = '2026-01-01Z' RETURNING key")

    report_failure(full_context())

    assert [text.split(":")[2].split("*")[2] for text in messages(connected)] == [
        " is late",
        " failed",
    ]


def test_every_run_has_its_deadline_from_run_after():
    """Runs are made months ahead, and have no logical date: only `run_after` says when they should start."""
    for dag in load_dags().dags.values():
        alerts = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline]

        assert [type(alert.reference) for alert in alerts] == [RunAfterDeadline], dag.dag_id
        assert alerts[0].interval <= max(dag.dagrun_timeout, alerts[0].interval)
        assert alerts[0].callback.path == "include.dagkit.callbacks.report_late"


def test_deadlines_reach_airflow(monkeypatch):
    """What is serialised names the class by the path under which the plugin registers it."""
    serialised = DagSerialization.to_dict(load_dags().dags["mailchimp_sync"])

    assert "include.airflow_api.deadlines.RunAfterDeadline" in str(serialised["dag"]["deadline"])
