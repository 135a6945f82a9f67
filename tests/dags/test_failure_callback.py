"""The callback that every DAG has, called as the Dag processor calls it: with much of a context, or little."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from include.dagkit import report_failure
from tests.airflow_task import load_dags

RUN = "stripe.test.evt_1"
ENDED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def full_context():
    """Return what Airflow gives where a task was the last."""
    return {
        "dag": load_dags().dags["mailchimp_sync"],
        "run_id": RUN,
        "reason": "task_failure",
        "ti": SimpleNamespace(task_id="record", try_number=4),
        "dag_run": SimpleNamespace(start_date=ENDED - timedelta(minutes=5), end_date=ENDED),
    }


def short_context():
    """Return what Airflow gives where it knows no task."""
    return {"dag": load_dags().dags["mailchimp_sync"], "run_id": RUN, "reason": "timed_out"}


def messages(world):
    """Return the texts in the people's channel."""
    return [one["text"] for one in world.sandbox.ask("GET", "state/slack")["messages"]]


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (full_context, "the task `record` failed; its log says why"),
        (short_context, "the run took longer than it may"),
    ],
)
def test_failed_run_is_told(connected, context, said):
    """Through the slack provider's connection, with what there is of a context."""
    report_failure(context())

    [text] = messages(connected)
    assert text.startswith(f":red_circle: *mailchimp_sync* failed: {said}\n")
    assert f"/dags/mailchimp_sync/runs/{RUN}" in text


def test_dry_run_that_fails_is_told_to_nobody(connected):
    """Whoever has started it reads what it says; nothing was to happen."""
    context = full_context()
    context["dag_run"].conf, context["dag_run"].run_type = {"dry_run": True}, "manual"

    report_failure(context)

    assert messages(connected) == []
    assert connected.store.job_runs.get("mailchimp_sync", RUN).status == "failed"


def test_failure_carries_airflows_own_time(connected):
    """Reconciliation reads the same end of the run from Airflow, and finds it told."""
    report_failure(full_context())

    [row] = connected.query("SELECT * FROM ops.notice_runs")
    assert (row["job"], row["dag_run_id"], row["failed_at"]) == ("mailchimp_sync", RUN, ENDED)


def test_failed_run_is_counted(connected):
    """Also one whose process was killed, or whose time was over: none of its tasks could say so."""
    report_failure(full_context())

    run = connected.store.job_runs.get("mailchimp_sync", RUN)
    assert (run.status, run.error_class) == ("failed", "task_failure")
    assert run.finished_at - run.started_at == timedelta(minutes=5)


def test_what_the_task_said_of_its_failure_stays(connected):
    """It knows more than Airflow's callback."""
    table = connected.store.job_runs
    table.open("mailchimp_sync", RUN, ends=["record"], now=ENDED)
    table.fail("mailchimp_sync", RUN, error_class="VendorBusyError", reason="slow", now=ENDED)

    report_failure(full_context())

    assert table.get("mailchimp_sync", RUN).error_class == "VendorBusyError"


def test_slack_outage_leaves_the_notice(connected):
    """The callback has come to its end, and the message waits in the outbox."""
    connected.sandbox.fault("slack", "status", status=503)

    report_failure(full_context())

    [notice] = connected.store.notices.waiting()
    assert notice.problem == "Slack is out of service"
    assert connected.sandbox.fired() == 1


@pytest.mark.parametrize("said", ["", None])
def test_without_slack_the_notice_is_kept(connected, monkeypatch, said):
    """Slack can be done without, said so or not: the failure is noted, and nothing fails for want of it."""
    if said is None:
        monkeypatch.delenv("AIRFLOW_CONN_SLACK")
    else:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK", said)

    report_failure(full_context())

    assert len(connected.store.notices.waiting()) == 1
