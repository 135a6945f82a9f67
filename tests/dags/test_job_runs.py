"""Every run leaves a row in `ops.job_runs`, because its tasks are made by dagkit."""

import pytest

from include.store.job_runs import RunStatus
from tests.airflow_task import run_task

DAG, RUN = "mailchimp_sync", "run_1"
TASKS = ("load_members", "update_mailchimp", "trigger_welcome", "record")
RETRIES = 3


def run(task, ids=(), **options):
    """Run one task of the run on these rows."""
    return run_task(DAG, task, run_id=RUN, conf={"inbox_ids": list(ids)}, **options)


def row(world):
    """Return the run's row."""
    return world.store.job_runs.get(DAG, RUN)


def test_good_run(connected):
    """Its first task begins it, its last one ends it, with the rows it was given."""
    ids = connected.receive(*connected.join())

    states = []
    for task in TASKS:
        run(task, ids)
        states.append(row(connected).status)

    assert states == [RunStatus.RUNNING] * 3 + [RunStatus.SUCCESS]
    assert row(connected).rows == len(ids)
    assert row(connected).tries == 1
    assert row(connected).finished_at > row(connected).started_at


def test_run_that_ends_early(connected):
    """Nothing to do: the first task skips all others, and so ends the run."""
    run("load_members")

    assert (row(connected).status, row(connected).rows) == (RunStatus.SUCCESS, 0)


def test_skipped_task_in_the_middle_ends_nothing(connected):
    """Nobody is new: the welcome is skipped, the run goes on."""
    connected.run(*connected.join())
    changed = connected.act("update_member", email="ada@example.org", tier="leader")

    end = run("load_members", connected.receive(*changed))

    assert end.skipped == ["trigger_welcome"]
    assert row(connected).status is RunStatus.RUNNING


def test_tries_are_one_run(connected):
    """What Airflow tries again goes on; the highest try of any task is told."""
    ids = connected.receive(*connected.join())
    run("load_members", ids)
    connected.sandbox.fault("mailchimp", "status", status=503)

    for number in (1, 2):
        run("update_mailchimp", ids, try_number=number)

    assert (row(connected).status, row(connected).tries) == (RunStatus.RUNNING, 2)


def test_run_fails_with_the_last_try(connected):
    """Of any task, for any error: its class is kept, and no text that may quote what it should not."""
    ids = connected.receive(*connected.join())
    run("load_members", ids)
    connected.store.connection.execute("ALTER TABLE ops.run_members RENAME TO put_away")

    states = []
    for number in range(1, 2 + RETRIES):
        run("update_mailchimp", ids, try_number=number)
        states.append(row(connected).status)

    assert states == [RunStatus.RUNNING] * RETRIES + [RunStatus.FAILED]
    assert (row(connected).error_class, row(connected).reason) == ("UndefinedTable", None)


def test_failure_that_cannot_be_recorded(connected, monkeypatch):
    """The job's own error is the one that is seen."""
    monkeypatch.delenv("AIRFLOW_CONN_OPS_POSTGRES")

    end = run("load_members", [1], try_number=1 + RETRIES)

    assert end.state == "failed"
    assert "ops_postgres" in str(end.error)


def test_run_that_gives_up(connected):
    """A failed member makes the run red; the reason is the task's own."""
    ids = failed_run(connected)

    assert row(connected).status is RunStatus.FAILED
    assert row(connected).error_class == "GivenUpError"
    assert row(connected).reason == "failed members: 1 (Mailchimp is out of service)"
    assert "@" not in row(connected).reason
    assert ids


def test_cleared_run_is_one_run(connected):
    """Mended, cleared and green: one row, which began when it was cleared."""
    ids = failed_run(connected)
    began = row(connected).started_at
    connected.sandbox.ask("DELETE", "faults")

    for task in TASKS[1:]:
        run(task, ids, try_number=5, max_tries=4 + RETRIES)

    assert row(connected).status is RunStatus.SUCCESS
    assert (row(connected).tries, row(connected).reason) == (5, None)
    assert row(connected).started_at > began


def test_task_cleared_alone(connected):
    """The run's last task does not come again: what became of it, the reconciler asks Airflow."""
    ids = connected.receive(*connected.join())
    for task in TASKS:
        run(task, ids)

    run("update_mailchimp", ids, try_number=5, max_tries=4 + RETRIES)
    assert row(connected).status is RunStatus.RUNNING
    connected.store.job_runs.close_lost(
        DAG, RUN, airflow_state="success", now=connected.clock.now()
    )

    assert row(connected).status is RunStatus.SUCCESS


@pytest.mark.parametrize("task", TASKS[1:3])
def test_tasks_in_the_middle_write_nothing(connected, task):
    """A run costs two statements, not one per task."""
    ids = connected.receive(*connected.join())
    run("load_members", ids)
    connected.store.connection.execute("ALTER TABLE ops.job_runs RENAME TO put_away")

    assert run(task, ids).state == "success"


def test_unwritten_end_is_tried_again(connected):
    """A run whose end cannot be written is not over: the last task has nothing else left to do."""
    ids = connected.receive(*connected.join())
    for task in TASKS[:3]:
        run(task, ids)
    connected.store.connection.execute("ALTER TABLE ops.job_runs RENAME TO put_away")
    assert run("record", ids).state == "up_for_retry"
    connected.store.connection.execute("ALTER TABLE ops.put_away RENAME TO job_runs")

    assert run("record", ids, try_number=2).state == "success"
    assert row(connected).status is RunStatus.SUCCESS


def failed_run(world):
    """Run it with Mailchimp down, to its red end; return its rows."""
    ids = world.receive(*world.join())
    run("load_members", ids)
    world.sandbox.fault("mailchimp", "status", status=503)
    run("update_mailchimp", ids, try_number=1 + RETRIES)
    assert run("record", ids).state == "failed"
    return ids
