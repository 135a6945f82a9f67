"""Runs of jobs: one row each, whatever is tried again, cleared or lost in them."""

from datetime import UTC, datetime, timedelta

import pytest

from include.store.job_runs import RunEnd, RunStatus

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
JOB, RUN = "mailchimp_sync", "run_1"


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def begin(store, *ends, now=NOW, **options):
    store.job_runs.open(JOB, RUN, ends=ends or ("record",), now=now, **options)


def end(store, *ends, now=NOW, **options):
    return store.job_runs.end_tasks(JOB, RUN, ends=ends or ("record",), now=now, **options)


def fail(store, now=NOW, **options):
    return store.job_runs.fail(
        JOB, RUN, error_class="VendorBusyError", reason="slow down", now=now, **options
    )


def run(store):
    return store.job_runs.get(JOB, RUN)


def test_run_succeeds_with_its_last_task(store):
    """And its duration is that from the first task's start to the last one's end."""
    begin(store, rows=3)
    assert run(store).status is RunStatus.RUNNING

    assert end(store, now=at(1.5)) == RunEnd(status=RunStatus.SUCCESS, seconds=1.5)

    ended = run(store)
    assert (ended.status, ended.rows, ended.tries) == (RunStatus.SUCCESS, 3, 1)
    assert (ended.started_at, ended.finished_at) == (NOW, at(1.5))


def test_run_with_two_ends_waits_for_both(store):
    """A run that branches is over when each branch is."""
    begin(store, "left", "right")

    assert end(store, "left") is None
    assert run(store).status is RunStatus.RUNNING
    assert end(store, "right").status is RunStatus.SUCCESS


def test_end_of_a_task_comes_twice(store):
    """A task that dies between the record and Airflow's is tried again: the first end holds."""
    begin(store)
    end(store, now=at(1))

    assert end(store, now=at(5)) is None
    assert run(store).finished_at == at(1)


def test_same_run_id_of_two_jobs(store):
    """Airflow's ids are unique per DAG only."""
    begin(store)
    store.job_runs.open("webhook_retry", RUN, ends=["retry"], now=NOW)

    end(store)

    assert store.job_runs.get("webhook_retry", RUN).status is RunStatus.RUNNING


def test_failure_has_class_and_reason(store):
    """What went wrong is told where it is counted."""
    begin(store)

    assert fail(store, now=at(2)) == RunEnd(status=RunStatus.FAILED, seconds=2)

    failed = run(store)
    assert (failed.error_class, failed.reason) == ("VendorBusyError", "slow down")


def test_failed_run_stays_failed(store):
    """A branch that ends well beside a failed one, or a task that tidies up after it, heals nothing."""
    begin(store, "left", "right")
    fail(store)

    assert end(store, "left", "right") is None
    assert run(store).status is RunStatus.FAILED


def test_failure_of_a_run_that_nobody_began(store):
    """A run whose time is over before a task started is a failed run all the same."""
    fail(store, now=at(60), started_at=NOW)

    assert (run(store).status, run(store).started_at) == (RunStatus.FAILED, NOW)


def test_late_word_of_a_failure_changes_nothing(store):
    """Airflow's callback may come after a person has cleared the run and it ended well."""
    begin(store)
    end(store)

    assert fail(store) is None
    assert run(store).status is RunStatus.SUCCESS


def test_late_word_of_a_failure_before_a_clearing(store):
    """A person was faster than the callback: the run that goes on has not failed."""
    begin(store, now=at(60), tries=5)

    assert fail(store, now=at(30)) is None
    assert run(store).status is RunStatus.RUNNING


def test_failure_of_the_runs_own_task_counts_after_its_end(store):
    """A task that had been skipped is cleared alone and fails: the run is red in Airflow too."""
    begin(store)
    end(store)

    assert fail(store, ended_too=True).status is RunStatus.FAILED


def test_cleared_run_is_the_same_run_anew(store):
    """It counts once, with the time it took from when it was cleared."""
    begin(store)
    fail(store, now=at(10))

    begin(store, now=at(3600), tries=5)
    assert (run(store).status, run(store).reason) == (RunStatus.RUNNING, None)
    end(store, now=at(3602))

    assert (run(store).status, run(store).tries) == (RunStatus.SUCCESS, 5)
    assert run(store).finished_at - run(store).started_at == timedelta(seconds=2)


def test_second_try_is_the_same_run(store):
    """Tried again by Airflow, the run goes on: its time runs from the first try."""
    begin(store)

    store.job_runs.try_again(JOB, RUN, ends=["record"], tries=2, now=at(5))
    end(store, now=at(6))

    assert (run(store).tries, run(store).started_at) == (2, NOW)


def test_second_try_begins_what_the_first_could_not(store):
    """The database was away at the first try."""
    store.job_runs.try_again(JOB, RUN, ends=["record"], rows=2, tries=2, now=NOW)

    assert (run(store).status, run(store).rows) == (RunStatus.RUNNING, 2)


def test_second_try_beside_a_failed_branch_heals_nothing(store):
    """Only a person's clearing begins a failed run anew."""
    begin(store, "left", "right")
    fail(store)

    store.job_runs.try_again(JOB, RUN, ends=["left", "right"], tries=2, now=NOW)

    assert run(store).status is RunStatus.FAILED


@pytest.mark.parametrize("state", ["failed", "success", None])
def test_run_that_recorded_no_end_is_lost(store, state):
    """Whatever Airflow says: a task that was killed may be reported as a success."""
    begin(store)

    assert store.job_runs.close_lost(JOB, RUN, airflow_state=state, now=at(9)) is RunStatus.LOST
    assert str(state) in run(store).reason or "does not have" in run(store).reason


def test_partly_cleared_run_that_ends_well_is_a_success_again(store):
    """A person cleared one task of a good run, not its last one: nothing is lost."""
    begin(store)
    end(store)
    begin(store, now=at(60), tries=5, own_ends=["record"])

    closed = store.job_runs.close_lost(JOB, RUN, airflow_state="success", now=at(61))

    assert closed is RunStatus.SUCCESS
    assert run(store).reason is None


def test_only_running_runs_are_lost(store):
    """The task recorded its end while the reconciler asked Airflow: its word holds."""
    begin(store)
    end(store)

    assert store.job_runs.close_lost(JOB, RUN, airflow_state="failed", now=at(9)) is None
    assert run(store).status is RunStatus.SUCCESS


def test_lost_run_that_ends_well_after_all(store):
    """It was slow, not dead."""
    begin(store)
    store.job_runs.close_lost(JOB, RUN, airflow_state=None, now=at(9))

    assert end(store, now=at(20)).status is RunStatus.SUCCESS
    assert run(store).reason is None


def test_what_runs_for_long_is_asked_about(store):
    """The oldest first; what ended is not among it."""
    for number, seconds in enumerate([5, 0, 90]):
        store.job_runs.open(JOB, f"run_{number}", ends=["record"], now=at(seconds))
    store.job_runs.open(JOB, "ended", ends=["record"], now=NOW)
    store.job_runs.end_tasks(JOB, "ended", ends=["record"], now=NOW)

    old = store.job_runs.running(started_before=at(60))

    assert [one.dag_run_id for one in old] == ["run_1", "run_0"]
