"""The DAG's task, run as Airflow's task process does: rules of the file, connections, channels on the wire."""

from datetime import timedelta

import pytest

from include.settings import load_job_settings
from tests.airflow_task import load_dags, run_task


def run(run_id="scheduled_1"):
    """Run the task once."""
    return run_task("alert_rules", "evaluate", run_id=run_id)


@pytest.fixture
def signal(connected, monkeypatch):
    """Set the dead-man's address, and give what counts its calls."""
    monkeypatch.setenv("OPS_ALERT_SIGNAL_URL", f"{connected.sandbox.url}/dead-man/ping/x")
    load_job_settings.cache_clear()
    yield lambda: connected.sandbox.count("dead-man")
    load_job_settings.cache_clear()


def fail(world, count):
    """Have runs of the member sync that failed just now."""
    for number in range(count):
        world.store.job_runs.fail(
            "mailchimp_sync", f"run_{number}", error_class="E", reason="no", now=world.clock.now()
        )


def told(world):
    """Return how many messages arrived, by channel."""
    ask = world.sandbox.ask
    return {
        "slack": len(ask("GET", "state/slack")["messages"]),
        "mail": len(ask("GET", "state/mail")["mails"]),
        "sms": len(ask("GET", "state/twilio")["messages"]),
        "pagerduty": len(ask("GET", "state/pagerduty")["alerts"]),
    }


def test_it_is_one_cheap_task_each_minute():
    """One task, one run at a time, over before the next but one."""
    dag = load_dags().dags["alert_rules"]

    assert [task.task_id for task in dag.tasks] == ["evaluate"]
    assert dag.schedule == "* * * * *"
    assert dag.max_active_runs == 1
    assert dag.dagrun_timeout <= timedelta(minutes=2)


def test_quiet_minute_calls_nobody(connected, signal):
    """No alert: no channel's connection is even read, and the dead-man's switch hears that all is watched."""
    end = run()

    assert (end.state, end.error) == ("success", None)
    assert set(told(connected).values()) == {0}
    assert signal() == 1
    assert len(end.calls) == 2
    assert end.xcoms == []


def test_failures_are_told_through_the_connections(connected, signal):
    """Six failed runs: two of the four rules fire, each tells its channels, once over two minutes."""
    fail(connected, 6)

    ends = [run("scheduled_1"), run("scheduled_2")]

    assert [end.state for end in ends] == ["success"] * 2
    assert told(connected) == {"slack": 2, "mail": 1, "sms": 1, "pagerduty": 0}
    assert signal() == 2
    assert "+1234567890" not in str([end.calls for end in ends])


def test_failing_channel_turns_the_run_red(connected, signal):
    """What was evaluated stands; the next channel was used; and the run says which channel failed."""
    fail(connected, 6)
    connected.sandbox.fault("slack", "status", status=503)

    end = run()

    assert connected.sandbox.fired() >= 1
    assert end.state == "failed"
    assert "slack #eng-alerts: Slack is out of service" in str(end.error)
    assert told(connected)["mail"] == 1
    assert signal() == 1


def test_nobody_reached_stops_the_signal(connected, signal, monkeypatch):
    """When no channel takes an alert, the outside check is the one that is left: it hears nothing."""
    fail(connected, 6)
    for vendor in ("slack", "pagerduty", "twilio"):
        connected.sandbox.fault(vendor, "status", status=503)
    connected.sandbox.fault("mail", "status", status=421)

    end = run()

    assert end.state == "failed"
    assert "2 alerts reached nobody" in str(end.error)
    assert signal() == 0


def test_missing_connection_is_a_channel_that_fails(connected, monkeypatch):
    """It says which; the other channels are told."""
    fail(connected, 6)
    monkeypatch.delenv("AIRFLOW_CONN_SLACK")

    end = run()

    assert end.state == "failed"
    assert "the connection `slack` is not set up" in str(end.error)
    assert told(connected)["sms"] == 1


def test_cleared_task_repeats_nothing(connected):
    """A person clears a run that has told people: nobody is told again."""
    fail(connected, 6)
    run()
    before = told(connected)

    end = run_task("alert_rules", "evaluate", run_id="scheduled_1", try_number=2, max_tries=1)

    assert end.state == "success"
    assert told(connected) == before
