"""The DAG's one task, as Airflow's task process runs it, against Postgres and Luma on the wire."""

from copy import deepcopy
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import ParamValidationError

from tests.airflow_task import load_dags, run_task
from tests.jobs.luma_world import UPDATES, LumaWorld

DAG, TASK = "luma_auto_approval", "approve_members"


@pytest.fixture
def luma(connected):
    return LumaWorld(connected.store, connected.sandbox)


def run(**conf):
    return run_task(DAG, TASK, run_id="scheduled__1", conf=conf)


def test_times_of_day_and_limits():
    """At 09:00 and 21:00 UTC, a minute at most, one run at a time, never twice for one tick."""
    dag = load_dags().dags[DAG]
    task = dag.get_task(TASK)

    assert dag.schedule == "0 9,21 * * *"
    assert str(dag.timezone) == "UTC"
    assert (dag.dagrun_timeout, task.execution_timeout) == (timedelta(seconds=60),) * 2
    assert (dag.max_active_runs, dag.catchup, task.retries) == (1, False, 0)


def test_tick_lets_members_in(luma):
    """A scheduled run has no params but the defaults: all events, all members, for real."""
    luma.seed(luma.members(3), guests=8)

    end = run()

    assert (end.state, end.error) == ("success", None)
    assert luma.mails() == [["approved"]] * 3
    [row] = luma.audit()
    assert (row["dag_run_id"], row["metadata"]["denied"]) == ("scheduled__1", 5)


def test_without_luma_it_ends_well(luma, monkeypatch):
    """Luma can be done without: the run is green, and nothing is called or written."""
    luma.seed(luma.members(1), guests=1)
    monkeypatch.setenv("AIRFLOW_CONN_LUMA", "")

    end = run()

    assert (end.state, end.error) == ("success", None)
    assert (luma.mails(), luma.audit()) == ([], [])


def test_task_tells_airflow_no_counts_and_no_address(luma):
    """No XCom: counts are in the log and the audit log, where people see them."""
    luma.seed(luma.members(1), guests=3)

    end = run()

    assert end.xcoms == []
    assert "@" not in str(end.calls)


def test_form_of_a_dry_run(luma):
    """The box is ticked: nothing changes."""
    luma.seed(luma.members(2))

    end = run(dry_run=True)

    assert (end.state, luma.mails(), luma.audit()) == ("success", [], [])


def test_form_left_as_it_is_only_looks(luma):
    """Who presses the button to see what it does lets nobody in, nor does a call of the API that says nothing."""
    luma.seed(luma.members(2))

    end = run_task(DAG, TASK, run_id="by_hand", conf={})

    assert (end.state, luma.mails(), luma.audit()) == ("success", [], [])


def test_form_of_one_event_and_one_member(luma):
    """Both narrow the run; members are named by our id."""
    her = luma.member("ada@example.org")
    made = luma.seed(["ada@example.org", *luma.members(3)], events=2)
    [hers] = [guest for guest in made["guests"] if guest["member"] == her.email]

    end = run(event_id=hers["event_id"], member_id=str(her.id))

    assert end.state == "success"
    assert luma.statuses()["approved"] == [her.email]


@pytest.mark.parametrize("conf", [{"member_id": "ada@example.org"}, {"event_id": "a@example.org"}])
def test_form_takes_no_address(conf):
    """What is filled in is shown to everybody who may look: an address is refused before it is kept."""
    params = deepcopy(load_dags().dags[DAG].params)

    with pytest.raises(ParamValidationError, match="does not match"):
        params.update(conf)


def test_form_left_empty_is_a_tick(luma):
    """A field that was filled in and emptied again is an empty text, not nothing."""
    luma.seed(luma.members(2))

    end = run(dry_run=False, event_id="", member_id="")

    assert (end.state, len(luma.mails())) == ("success", 2)


def test_refused_decisions_turn_the_run_red(luma):
    """The reason is the task's error; there is no second try, the next tick is one."""
    luma.seed(luma.members(2))
    luma.sandbox.fault("luma", "status", path=UPDATES, status=403, body={})

    end = run()

    assert luma.sandbox.fired() == 2
    assert end.state == "failed"
    assert "Luma refuses the call: 403" in str(end.error)


def test_calendar_out_of_reach_turns_the_run_red(luma):
    """No retry by Airflow, and an error that says who does not answer."""
    luma.sandbox.fault("luma", "reset")

    end = run()

    assert (end.state, str(end.error)) == ("failed", "Luma does not answer")


def test_cleared_task_lets_nobody_in_twice(luma):
    """As a person clears it in the UI: the second try finds who is left, and mails nobody again."""
    luma.seed(luma.members(3), guests=5)
    run()

    end = run_task(DAG, TASK, run_id="scheduled__1", try_number=2, max_tries=1)

    assert end.state == "success"
    assert luma.mails() == [["approved"]] * 3
    assert [row["metadata"]["approved"] for row in luma.audit()] == [3, 0]
