"""The DAG's one task, as Airflow's task process runs it, against Postgres and Slack on the wire."""

from copy import deepcopy
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import ParamValidationError

from tests.airflow_task import load_dags, run_task
from tests.jobs.slack_world import CHANNEL, FIELD, SlackWorld

DAG, TASK = "slack_status_sync", "sync"


@pytest.fixture
def slack(connected):
    return SlackWorld(connected.store, connected.sandbox)


def run(**conf):
    return run_task(DAG, TASK, run_id="scheduled__1", conf=conf)


def test_times_of_day_and_limits():
    """At 10:00 and 22:00 UTC, two minutes at most, one run at a time, never twice for one tick."""
    dag = load_dags().dags[DAG]
    task = dag.get_task(TASK)

    assert dag.schedule == "0 10,22 * * *"
    assert str(dag.timezone) == "UTC"
    assert (dag.dagrun_timeout, task.execution_timeout) == (timedelta(seconds=120),) * 2
    assert (dag.max_active_runs, dag.catchup, task.retries) == (1, False, 0)


def test_tick_brings_all_that_is_configured_in_line(slack):
    """Group, channel and profile field, over the slack provider's connections."""
    emails = slack.both(3)

    end = run()

    assert (end.state, end.error) == ("success", None)
    assert slack.group() == slack.channel() == set(emails)
    people = {one["id"]: one["profile"]["fields"] for one in slack.state()["people"]}
    assert all(people[slack.ids[email]][FIELD]["value"] == "2027-03-01" for email in emails)
    row = slack.audit()[-1]
    assert (row["action"], row["dag_run_id"]) == ("job:completed", "scheduled__1")
    assert row["metadata"]["targets"][CHANNEL]["added"] == 3


def test_without_slack_it_ends_well(slack, monkeypatch):
    """Slack can be done without: the run is green, and nothing is called or written."""
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", "")

    end = run()

    assert (end.state, end.error) == ("success", None)
    assert slack.audit() == []


def test_task_tells_airflow_no_counts_and_no_address(slack):
    """No XCom: counts are in the log and the audit log, where people see them."""
    slack.both(2)

    end = run()

    assert end.xcoms == []
    assert "@" not in str(end.calls)


def test_refusal_is_red_and_says_why(slack):
    """Nothing is tried again; the reason is in the run's record, for the message to people."""
    emails = slack.both(4, in_group=4)
    for email in emails:
        slack.becomes(email, "canceled")

    end = run()

    assert end.state == "failed"
    assert "nobody at Slack is an active member" in str(end.error)
    assert slack.group() == set(emails)
    [record] = slack.store.connection.execute("SELECT * FROM ops.job_runs").fetchall()
    assert "nobody at Slack is an active member" in record["reason"]


def test_form_of_a_dry_run(slack):
    """The box is ticked: nothing changes."""
    slack.both(2)

    end = run(dry_run=True)

    assert end.state == "success"
    assert (slack.writes(), slack.audit()) == ([], [])


def test_form_left_as_it_is_only_looks(slack):
    """Who presses the button to see what it does removes nobody."""
    slack.both(2)

    end = run_task(DAG, TASK, run_id="by_hand", conf={})

    assert (end.state, slack.writes(), slack.audit()) == ("success", [], [])


def test_form_links_a_member_to_an_account(slack):
    """Different addresses, linked by ids."""
    slack.both(2)
    member = slack.member("billing@example.org")
    hers = slack.joins("private@example.org")

    end = run(same_person=[f"{member.id}={hers}"])

    assert (end.state, "private@example.org" in slack.group()) == ("success", True)


@pytest.mark.parametrize(
    "conf",
    [
        {"member_id": "ada@example.org"},
        {"same_person": ["00000000-0000-0000-0000-000000000001=ada@example.org"]},
        {"remove_up_to": -1},
    ],
)
def test_form_takes_ids_and_no_address(conf):
    """What is filled in is kept and shown to everybody who may look: an address is refused before it is kept."""
    params = deepcopy(load_dags().dags[DAG].params)

    with pytest.raises(ParamValidationError):
        params.update(conf)


def test_cleared_task_changes_nothing(slack):
    """As a person clears it in the UI: the second try finds all in order."""
    slack.both(3)
    run()
    writes = slack.writes()

    end = run_task(DAG, TASK, run_id="scheduled__1", try_number=2, max_tries=1)

    assert (end.state, slack.writes()) == ("success", writes)
