"""The DAG's tasks, each run as Airflow's task process does, against Postgres and the vendors on the wire."""

import re

import pytest

from include.store.inbox import InboxState
from tests.airflow_task import load_dags, run_task
from tests.unit.deployment_files import ENVIRONMENTS

DAG = "mailchimp_sync"
TASKS = ("load_members", "update_mailchimp", "trigger_welcome", "record")
RETRIES = 3


def run(task, ids=(), *, run_id="run_1", **options):
    """Run one task of a run on these rows."""
    return run_task(DAG, task, run_id=run_id, conf={"inbox_ids": list(ids)}, **options)


def test_order_of_the_tasks():
    """A skipped welcome must not let `record` overtake the update: it waits for both."""
    dag = load_dags().dags[DAG]

    assert tuple(task.task_id for task in dag.topological_sort()) == TASKS
    assert dag.get_task("record").upstream_task_ids == {"update_mailchimp", "trigger_welcome"}
    assert dag.get_task("record").trigger_rule == "none_failed"


def test_airflow_holds_back_no_run_that_a_relay_has_in_flight():
    """Else runs are queued behind the DAG's own limit while workers have nothing to do."""
    given = [
        int(re.sub(r"\$\{\w+:-(\d+)\}", r"\1", one["OPS_DISPATCH_MAX_IN_FLIGHT"]))
        for one in ENVIRONMENTS.values()
        if one.get("OPS_DISPATCH_MAX_IN_FLIGHT")
    ]

    assert len(given) >= 3  # two relays of Compose, one of Kubernetes
    assert max(given) <= load_dags().dags[DAG].max_active_runs


def test_new_member_goes_through_all_tasks(connected):
    """Four tasks, each a process of its own: the member is in Mailchimp, welcomed and recorded."""
    ids = connected.receive(*connected.join())

    ends = [run(task, ids) for task in TASKS]

    assert [(end.state, end.error) for end in ends] == [("success", None)] * 4
    assert ends[0].skipped == []
    assert connected.contact()["tags"] == {"active", "pro"}
    assert connected.welcomes() == ["ada@example.org"]
    assert set(connected.rows(ids)) == {InboxState.PROCESSED}


def test_tasks_tell_airflow_nothing(connected):
    """No XCom and no rendered fields: start and end are all that Airflow hears of a task."""
    ids = connected.receive(*connected.join())

    for task in TASKS:
        end = run(task, ids)

        assert end.xcoms == []
        assert len(end.calls) == 2
        assert "@example" not in str(end.calls).lower()


def test_welcome_whose_answer_was_lost_is_told_and_shown_by_its_run(connected):
    """The task ends well, its result says what nobody knows, and Slack has it before the task is over."""
    ids = connected.receive(*connected.join())
    for task in TASKS[:2]:
        run(task, ids)
    connected.sandbox.fault("mailchimp", "lost_answer", path="/customer-journeys/*", times=1)

    end = run("trigger_welcome", ids)

    assert (end.state, connected.sandbox.fired()) == ("success", 1)
    [shown] = [body for _, path, body in end.calls if "/xcoms/" in path]
    assert shown == "1 welcome(s) uncertain, dead letter(s) 1: sent or not, a person finds out"
    [message] = connected.sandbox.ask("GET", "state/slack")["messages"]
    assert message["text"].startswith(":envelope: 1 new dead letter of *mailchimp_sync*: uncertain")


def test_slack_that_is_down_fails_no_welcome(connected):
    """The message is sent a minute later: the task has done its part."""
    ids = connected.receive(*connected.join())
    for task in TASKS[:2]:
        run(task, ids)
    connected.sandbox.fault("mailchimp", "lost_answer", path="/customer-journeys/*", times=1)
    connected.sandbox.fault("slack", "status", status=503, times=1)

    end = run("trigger_welcome", ids)

    assert (end.state, end.error, connected.sandbox.fired()) == ("success", None, 2)
    [waiting] = connected.store.notices.waiting()
    assert waiting.facts["kind"] == "dead_letters"


def test_known_member_skips_the_welcome(connected):
    """Nobody is new: the welcome is skipped without a process, `record` goes on."""
    connected.run(*connected.join())
    changed = connected.act("update_member", email="ada@example.org", tier="leader")

    end = run("load_members", connected.receive(*changed))

    assert (end.state, end.skipped) == ("success", ["trigger_welcome"])


@pytest.mark.parametrize("rows", ["none", "processed"])
def test_nothing_to_do_skips_everything(connected, rows):
    """No row needs anything: one task, and the run is over."""
    ids = connected.receive(*connected.join()) if rows == "processed" else []
    connected.run_rows(ids)

    end = run("load_members", ids)

    assert (end.state, end.skipped) == ("success", list(TASKS[1:]))


def test_skipped_welcome_that_is_cleared_is_harmless(connected):
    """A person clears a task that had been skipped: it finds nothing to do."""
    connected.run(*connected.join())
    changed = connected.act("update_member", email="ada@example.org", tier="leader")
    run("load_members", connected.receive(*changed))

    end = run("trigger_welcome")

    assert end.state == "success"
    assert connected.welcomes() == ["ada@example.org"]


@pytest.mark.parametrize("task", TASKS)
def test_cleared_task_repeats_nothing(connected, task):
    """Each task of a finished run can be cleared alone, as a person does in the UI."""
    ids = connected.receive(*connected.join())
    for name in TASKS:
        run(name, ids)
    writes, audit = connected.writes(), connected.audit()

    end = run(task, ids, try_number=2, max_tries=1 + RETRIES)

    assert end.state == "success"
    assert (connected.writes(), connected.audit()) == (writes, audit)


def test_outage_is_tried_again_by_airflow(connected):
    """A vendor that is down fails the try: Airflow tries again, at most three times more."""
    ids = connected.receive(*connected.join())
    run("load_members", ids)
    connected.sandbox.fault("mailchimp", "status", status=503)

    tries = [run("update_mailchimp", ids, try_number=number) for number in range(1, 5)]

    assert [end.state for end in tries] == ["up_for_retry"] * 3 + ["success"]
    assert "out of service" in str(tries[0].error)


def test_failed_member_turns_the_run_red(connected):
    """All is recorded, then the last task fails for good, without another try: a person looks."""
    ids = connected.receive(*connected.join())
    run("load_members", ids)
    connected.sandbox.fault("mailchimp", "status", status=503)
    run("update_mailchimp", ids, try_number=1 + RETRIES)

    end = run("record", ids)

    assert end.state == "failed"
    assert str(end.error) == "failed members: 1 (Mailchimp is out of service)"
    assert set(connected.rows(ids)) == {InboxState.FAILED}


def test_cleared_failure_is_mended(connected):
    """Cleared after the outage, the same run does what it could not, and is green."""
    ids = connected.receive(*connected.join())
    run("load_members", ids)
    connected.sandbox.fault("mailchimp", "status", status=503)
    run("update_mailchimp", ids, try_number=1 + RETRIES)
    run("record", ids)
    connected.sandbox.ask("DELETE", "faults")
    cleared = {"max_tries": 4 + RETRIES, "try_number": 5}

    ends = [run(task, ids, **cleared) for task in TASKS[1:]]

    assert [end.state for end in ends] == ["success"] * 3
    assert set(connected.rows(ids)) == {InboxState.PROCESSED}
    assert connected.welcomes() == ["ada@example.org"]


def test_missing_connection_names_itself(connected, monkeypatch):
    """A connection that is not configured is a failure that says which one."""
    monkeypatch.delenv("AIRFLOW_CONN_OPS_POSTGRES")

    end = run("load_members", [1])

    assert end.state == "up_for_retry"
    assert "ops_postgres" in str(end.error)
