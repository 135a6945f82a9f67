"""The DAG's tasks, each run as Airflow's task process does, and its wait as the triggerer does."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.serialization.decoders import smart_decode_trigger_kwargs
from airflow.serialization.serialized_objects import DagSerialization

from include.dagkit import DEACTIVATION_LEAD
from include.membership.ends import EndState
from include.store.job_runs import RunStatus
from tests.airflow_task import load_dags, run_task

DAG = "member_deactivation"
ADA = "ada@example.org"
TASKS = ("check_status", "update_database", "update_mailchimp", "record")
RETRIES = 3
MOMENT = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def due(connected):
    """Give the world with a member whose period is over, and her row."""
    connected.run(*connected.join())
    connected.run(*connected.act("cancel_at_period_end", email=ADA, in_seconds=0))
    return connected


def end_of(world):
    """Return the only planned end."""
    [row] = world.ends()
    return row


def run(task, world, **options):
    """Run one task of the row's own run."""
    row = end_of(world)
    conf = {"deactivation_id": row.id}
    return run_task(DAG, task, run_id=f"deactivation.{row.id}.1", conf=conf, **options)


# --- the wait ---


def sensor():
    """Return the sensor as the scheduler and the triggerer have it: from the DAG's stored form."""
    stored = DagSerialization.to_dict(load_dags().dags[DAG])
    return DagSerialization.from_dict(stored).get_task("wait_for_period_end")


def rendered(run_id, run_after):
    """Return the trigger of a run as the triggerer renders it."""
    task = sensor()
    trigger = DateTimeTrigger(**smart_decode_trigger_kwargs(task.start_trigger_args.trigger_kwargs))
    trigger.task_instance = SimpleNamespace(task_id=task.task_id, task=task)
    dag_run = SimpleNamespace(run_after=run_after)
    trigger.render_template_fields({"run_id": run_id, "dag_run": dag_run})
    return trigger


def test_order_of_the_tasks():
    """The wait comes first, and costs no worker: it starts and ends in the triggerer."""
    dag = load_dags().dags[DAG]

    assert tuple(t.task_id for t in dag.topological_sort()) == ("wait_for_period_end", *TASKS)
    assert sensor().start_from_trigger is True
    assert dag.get_task("wait_for_period_end").end_from_trigger is True
    assert dag.dagrun_timeout.total_seconds() == DEACTIVATION_LEAD.total_seconds() + 120


@pytest.mark.parametrize(
    ("run_id", "moment"),
    [
        ("deactivation.17.2.2026-12-31T23:59:59Z", MOMENT),
        ("manual__2026-11-24T09:00:00+00:00", datetime(2026, 11, 24, 9, tzinfo=UTC)),
    ],
)
def test_the_name_says_until_when(run_id, moment):
    """Of the relay's runs; one that a person has started waits for nothing."""
    run_after = datetime(2026, 11, 24, 9, tzinfo=UTC)

    assert rendered(run_id, run_after).moment == moment


def test_moment_that_is_past_ends_the_wait():
    """A run of an overdue row goes on at once, as success and without a worker."""
    trigger = rendered("deactivation.17.2.2020-01-01T00:00:00Z", MOMENT)

    async def first():
        return await anext(aiter(trigger.run()))

    assert asyncio.run(first()).task_instance_state == "success"


# --- the work ---


def test_membership_goes_through_all_tasks(due):
    """Four tasks, each a process of its own; the run's record says how much it did."""
    ends = [run(task, due) for task in TASKS]

    assert [(end.state, end.error, end.skipped) for end in ends] == [("success", None, [])] * 4
    assert end_of(due).state is EndState.DONE
    assert due.contact()["tags"] == {"alumni"}
    assert due.profiles() == [False]
    recorded = due.store.job_runs.get(DAG, end_of(due).taken_by)
    assert (recorded.status, recorded.rows) == (RunStatus.SUCCESS, 1)


def test_tasks_tell_airflow_nothing(due):
    """No XCom and no address: start and end are all that Airflow hears of a task."""
    for task in TASKS:
        end = run(task, due)

        assert end.xcoms == []
        assert len(end.calls) == 2
        assert "@example" not in str(end.calls).lower()


def test_who_came_back_skips_everything(due):
    """As success: nothing is wrong with it."""
    due.act("resume", email=ADA)

    end = run("check_status", due)

    assert (end.state, end.skipped) == ("success", list(TASKS[1:]))
    assert end_of(due).state is EndState.REVOKED
    assert (
        due.store.job_runs.get(DAG, f"deactivation.{end_of(due).id}.1").status is RunStatus.SUCCESS
    )


@pytest.mark.parametrize("conf", [{}, {"deactivation_id": 999}, {"deactivation_id": "x; DROP"}])
def test_run_for_no_row_does_what_is_due(due, conf):
    """A person starts it by hand, with anything in its configuration."""
    end = run_task(DAG, "check_status", run_id="manual__1", conf=conf)

    assert (end.state, end.skipped) == ("success", [])
    assert end_of(due).taken_by == "manual__1"


def test_nothing_due_skips_everything(connected):
    """One task, and the run is over."""
    end = run_task(DAG, "check_status", run_id="manual__1", conf={})

    assert (end.state, end.skipped) == ("success", list(TASKS[1:]))


@pytest.mark.parametrize("task", TASKS)
def test_cleared_task_repeats_nothing(due, task):
    """Each task of a finished run can be cleared alone, as a person does in the UI."""
    for name in TASKS:
        run(name, due)
    writes, audit = due.writes(), due.audit()

    end = run(task, due, try_number=2, max_tries=1 + RETRIES)

    assert end.state == "success"
    assert (due.writes(), due.audit()) == (writes, audit)


def test_silent_stripe_is_asked_three_times_more(due):
    """Then the run is red, the row failed, and the member has what she had."""
    due.sandbox.fault("stripe", "status", status=503)

    tries = [run("check_status", due, try_number=number) for number in range(1, 5)]

    assert [end.state for end in tries] == ["up_for_retry"] * 3 + ["failed"]
    assert "1 failed: Stripe answers 503" in str(tries[-1].error)
    assert end_of(due).state is EndState.FAILED
    assert due.profiles() == [True]


def test_failed_row_turns_the_run_red_and_is_mended(due):
    """Mailchimp is down: the last task says so. Cleared later, all is done once."""
    for task in TASKS[:2]:
        run(task, due)
    due.sandbox.fault("mailchimp", "status", status=503)
    run("update_mailchimp", due, try_number=1 + RETRIES)
    red = run("record", due)
    due.sandbox.ask("DELETE", "faults")
    cleared = {"max_tries": 4 + RETRIES, "try_number": 5}

    ends = [run(task, due, **cleared) for task in TASKS]

    assert red.state == "failed"
    assert "failed deactivations: 1" in str(red.error)
    assert [end.state for end in ends] == ["success"] * 4
    assert end_of(due).state is EndState.DONE
    assert due.audit().count("member:deactivated") == 1
