"""Runs of planned ends that are overdue, lost, deleted, refused or not begun."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from include.membership.ends import EndState
from include.relay.attempts import MAX_PAUSE
from include.relay.deactivations import (
    MAX_LOST,
    OVERDUE_AT_ONCE,
    SILENT_AFTER,
    SUPERFLUOUS_AFTER,
)
from tests.store.arrivals import NOW
from tests.store.relay.planned_ends import (
    DAG,
    DAY,
    LEAD,
    SECOND,
    SOON,
    an_end,
    cancellations,
    do,
    now_is,
    plan,
    run_of,
)

# --- catch-up ---


def test_overdue_rows_get_few_runs_oldest_first(scheduler, store, airflow, clock):
    """D6: down for three days. Each run takes all that is due, so two at once are many."""
    rows = [plan(store, NOW + hours * timedelta(hours=1)) for hours in (50, 10, 30, 20, 40)]
    clock.advance(3 * DAY)

    scheduler.turn(store)
    scheduler.turn(store)

    oldest = sorted(rows, key=lambda row: row.deactivate_at)[:OVERDUE_AT_ONCE]
    assert [run_id for _, run_id in airflow.runs] == [row.next_run_id for row in oldest]
    assert do(store, oldest[0].next_run_id, clock, row_id=oldest[0].id) == 5
    scheduler.turn(store)
    assert airflow.posts == [row.next_run_id for row in oldest]
    assert store.deactivations.counts() == {EndState.DONE: 5}


def test_runs_whose_rows_another_has_taken_are_deleted(scheduler, store, airflow, clock):
    """A hundred that end in the same second: one run does it, the queue of the others is gone."""
    rows = [plan(store) for _ in range(20)]
    scheduler.turn(store)
    clock.advance(30 * DAY)
    for row in rows[:2]:
        run_of(airflow, row)["state"] = "running"
    assert do(store, rows[0].next_run_id, clock, row_id=rows[0].id) == 20

    scheduler.turn(store)
    assert airflow.deletes == []  # while the twenty end, nothing else is asked of Airflow
    clock.advance(SUPERFLUOUS_AFTER)
    scheduler.turn(store)

    left = [run_id for _, run_id in airflow.runs]
    assert left == [rows[0].next_run_id, rows[1].next_run_id]  # the second is in its sensor
    assert cancellations(store) == []


def test_deleted_run_is_replaced_before_it_is_due(scheduler, store, airflow, clock):
    """B8: Airflow is asked about each run once while it should wait; so nobody is late."""
    row = plan(store)
    scheduler.turn(store)
    airflow.runs.clear()  # by hand, or Airflow's database is lost

    clock.advance(30 * DAY - LEAD + SILENT_AFTER)
    scheduler.turn(store)
    scheduler.turn(store)

    again = now_is(store, row)
    assert again.state is EndState.SCHEDULED
    assert again.generation == 2
    assert run_of(airflow, row) is None
    assert run_of(airflow, again)["run_after"] == (SOON - LEAD).isoformat()


def test_deleted_run_is_replaced_after_it_was_due(scheduler, store, airflow, clock):
    """It was deleted in its last minutes: found when it has been silent for half a minute."""
    row = plan(store)
    scheduler.turn(store)
    clock.advance(30 * DAY - LEAD + SILENT_AFTER)
    scheduler.turn(store)
    assert airflow.gets == [row.next_run_id]
    airflow.runs.clear()

    clock.advance(LEAD)
    scheduler.turn(store)
    clock.advance(SECOND)
    scheduler.turn(store)

    assert now_is(store, row).generation == 2
    assert do(store, now_is(store, row).dag_run_id, clock, row_id=row.id) == 1


@pytest.mark.parametrize("state", ["success", "failed"])
def test_run_that_ended_without_its_row_is_replaced(scheduler, store, airflow, clock, state):
    """Airflow's word is not believed: the row is not done, so it gets another run."""
    row = plan(store)
    scheduler.turn(store)
    run_of(airflow, row)["state"] = state
    clock.advance(30 * DAY + SILENT_AFTER)

    scheduler.turn(store)

    assert now_is(store, row).state is EndState.PENDING
    assert state in now_is(store, row).problem


def test_row_that_no_run_has_reached_is_never_given_up(scheduler, store, airflow, clock):
    """The triggerer is away for hours: its runs time out, and the last of them does it. Nobody has to help."""
    row = plan(store)
    clock.advance(30 * DAY)
    for _ in range(20):
        scheduler.turn(store)
        for run in airflow.runs.values():
            run["state"] = "failed"
        clock.advance(SILENT_AFTER)
        scheduler.turn(store)
        clock.advance(SECOND)
    scheduler.turn(store)

    assert now_is(store, row).state is EndState.SCHEDULED
    assert do(store, now_is(store, row).dag_run_id, clock, row_id=row.id) == 1


def test_row_that_ends_its_runs_fails(scheduler, store, airflow, clock):
    """A person looks, and reads why; nothing goes on for ever."""
    row = plan(store)
    clock.advance(30 * DAY)
    for _ in range(MAX_LOST + 2):
        scheduler.turn(store)
        for _, run_id in airflow.runs:
            store.deactivations.take(run_id, own_id=row.id, now=clock.now(), row_limit=500)
        airflow.runs.clear()
        clock.advance(SILENT_AFTER)
        scheduler.turn(store)
        clock.advance(SECOND)

    assert (now_is(store, row).state, len(airflow.posts)) == (EndState.FAILED, MAX_LOST)
    assert "does not have its run" in now_is(store, row).why


def test_row_that_was_moved_often_may_lose_its_run_too(scheduler, store, airflow, clock):
    """What counts is lost runs, not changes of mind."""
    row = plan(store)
    for days in range(5):
        store.deactivations.redate(row.id, an_end(SOON + days * DAY), now=NOW)
    scheduler.turn(store)
    airflow.runs.clear()
    clock.advance(34 * DAY + SILENT_AFTER)

    scheduler.turn(store)
    clock.advance(SECOND)
    scheduler.turn(store)

    assert now_is(store, row).state is EndState.SCHEDULED
    assert len(airflow.runs) == 1


@pytest.mark.parametrize(("state", "left"), [(None, EndState.PENDING), ("failed", EndState.FAILED)])
def test_run_that_died_at_work(  # noqa: PLR0913, PLR0917 - fixtures
    scheduler, store, airflow, clock, state, left
):
    """Deleted: its rows get another one. Failed: a person looks, for each task was tried four times."""
    row = plan(store)
    scheduler.turn(store)
    clock.advance(30 * DAY)
    store.deactivations.take(row.next_run_id, own_id=row.id, now=clock.now(), row_limit=500)
    if state is None:
        airflow.runs.clear()
    else:
        run_of(airflow, row)["state"] = state

    clock.advance(SILENT_AFTER)
    scheduler.turn(store)

    assert now_is(store, row).state is left


# --- what does not work ---


@pytest.mark.parametrize(
    "broken",
    [
        (lambda airflow: airflow.fail(*[503] * 100), "Airflow answers 503"),
        (lambda airflow: airflow.fail(*[403] * 100), "refuses the user"),
        (lambda airflow: airflow.dags.clear(), "not found"),
        (lambda airflow: airflow.dags[DAG].update(has_import_errors=True), "import errors"),
    ],
    ids=["down", "403", "no DAG", "import error"],
)
def test_trouble_is_said_and_waited_for(scheduler, store, airflow, clock, broken):
    """B1, B3, B4: no hot loop, the row and `/readyz` say why, and all goes on by itself."""
    break_it, problem = broken
    break_it(airflow)
    rows = [plan(store), plan(store)]
    with capture_logs() as logs:
        for _ in range(60):
            scheduler.turn(store)
            clock.advance(timedelta(seconds=5))

    assert problem in scheduler.troubles["starts"].problem
    assert problem in now_is(store, rows[0]).problem
    assert len(airflow.posts) < 30  # each attempt is two where Airflow says 403: it logs in anew
    assert [line["event"] for line in logs] == ["attempt.fails"]

    airflow._faults.clear()
    airflow.dags[DAG] = {"is_paused": False, "has_import_errors": False}
    clock.advance(MAX_PAUSE)
    scheduler.turn(store)
    assert scheduler.troubles == {}
    assert len(airflow.runs) == 2
    assert now_is(store, rows[0]).problem is None


def test_pause_is_as_long_as_the_trouble(scheduler, store, airflow):
    """The loop sleeps until the next try, however often it is woken."""
    airflow.fail(503)
    plan(store)

    assert scheduler.turn(store) == 1.0


def test_cancellation_that_is_refused_holds_up_no_other(scheduler, store, airflow, clock):
    """And it is tried again until Airflow has done it."""
    rows = [plan(store), plan(store)]
    scheduler.turn(store)
    for row in rows:
        store.deactivations.revoke(row.id, why="she stays", now=clock.now())
        clock.advance(SECOND)
    airflow.fail(422)

    scheduler.turn(store)
    assert len(airflow.runs) == 1
    assert "does not delete" in scheduler.troubles["cancellations"].problem
    clock.advance(SECOND)
    scheduler.turn(store)

    assert airflow.runs == {}
    assert scheduler.troubles == {}


def test_paused_dag_is_said(scheduler, store, airflow, clock):
    """B4: the run is there and queued for ever; its row says why, and no longer when that is over."""
    row = plan(store)
    scheduler.turn(store)
    airflow.dags[DAG]["is_paused"] = True
    clock.advance(30 * DAY + SILENT_AFTER)

    scheduler.turn(store)
    assert now_is(store, row).problem == "the DAG is paused"

    airflow.dags[DAG]["is_paused"] = False
    run_of(airflow, row)["state"] = "running"
    store.deactivations.take(row.next_run_id, own_id=row.id, now=clock.now(), row_limit=500)
    clock.advance(SILENT_AFTER)
    scheduler.turn(store)
    assert now_is(store, row).problem is None


def test_run_that_airflow_does_not_begin_is_said(scheduler, store, clock):
    """The scheduler of Airflow is down: its API still answers."""
    row = plan(store)
    scheduler.turn(store)
    clock.advance(30 * DAY + SILENT_AFTER)

    scheduler.turn(store)

    assert now_is(store, row).problem == "Airflow has not begun its run"


def test_triggerer_that_is_away_is_said(scheduler, store, airflow, clock):
    """The run has begun and waits on, though its moment is over."""
    row = plan(store)
    scheduler.turn(store)
    run_of(airflow, row)["state"] = "running"
    clock.advance(30 * DAY + SILENT_AFTER)

    scheduler.turn(store)

    assert "is the triggerer there?" in now_is(store, row).problem
