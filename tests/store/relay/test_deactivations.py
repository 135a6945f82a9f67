"""The scheduler of deactivations against a real Postgres and an Airflow on the wire: D6, B2 to B8 of the faults."""

import time
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from include.relay.attempts import LONGEST_PAUSE
from include.relay.deactivations import (
    BATCH,
    MOST_LOST,
    OVERDUE_AT_ONCE,
    SILENT_AFTER,
    DeactivationScheduler,
)
from include.store import Store
from include.store.deactivations import End, EndReason, EndState
from tests.jobs.world import until
from tests.store.arrivals import NOW

DAG = "member_deactivation"
LEAD = timedelta(seconds=300)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
SOON = NOW + 30 * DAY
numbers = count(1)


@pytest.fixture
def scheduler(api, clock, settings):
    """Give a scheduler that is turned by the test."""
    return DeactivationScheduler(airflow=api, clock=clock, settings=settings)


def an_end(at=SOON):
    return End(vendor_at=at, deactivate_at=at, reason=EndReason.PERIOD_END)


def plan(store, at=SOON):
    """Plan the end of somebody's membership, as the job does for an event."""
    number = next(numbers)
    return store.deactivations.open(
        UUID(int=number), f"sub_{number}", an_end(at), inbox_id=None, now=NOW
    )


def run_of(airflow, row):
    """Return Airflow's run of a row's generation; None without one."""
    return airflow.runs.get((DAG, row.next_run_id))


def now_is(store, row):
    return store.deactivations.get(row.id)


def do(store, run, clock, *, row_id=0):
    """Do what a run does with all rows that it takes."""
    rows = store.deactivations.take(run, own_id=row_id, now=clock.now(), row_limit=500)
    store.deactivations.finish([row.id for row in rows], now=clock.now())
    return len(rows)


# --- ahead ---


def test_run_is_made_ahead(scheduler, store, airflow):
    """It stays queued until five minutes before; its id says the moment, `conf` the row and nothing else."""
    row = plan(store)

    scheduler.turn(store)

    run = run_of(airflow, row)
    assert row.next_run_id == f"deactivation.{row.id}.1.2026-12-02T09:00:00Z"
    assert run["conf"] == {"deactivation_id": row.id}
    assert run["run_after"] == (SOON - LEAD).isoformat()
    assert (now_is(store, row).state, now_is(store, row).dag_run_id) == (
        EndState.SCHEDULED,
        row.next_run_id,
    )


def test_part_of_a_second_is_rounded_up(store):
    """The sensor must not be done before the moment."""
    row = plan(store, SOON + timedelta(microseconds=1))

    assert row.next_run_id.endswith("2026-12-02T09:00:01Z")


def test_many_are_made_in_batches(scheduler, store, airflow):
    """The next to come first; a turn is short, and the next one follows at once."""
    for day in range(BATCH + 10, 0, -1):
        plan(store, NOW + day * DAY)

    pauses = [scheduler.turn(store), scheduler.turn(store)]

    assert pauses == [0.0, 5.0]
    assert len(airflow.runs) == BATCH + 10
    moments = [run["run_after"] for run in airflow.runs.values()]
    assert moments == sorted(moments)


def test_nothing_is_asked_twice(scheduler, store, airflow, clock):
    """What has its run costs nothing until it is due."""
    plan(store)
    scheduler.turn(store)
    calls = len(airflow.posts)

    for _ in range(20):
        clock.advance(DAY)
        scheduler.turn(store)

    assert (len(airflow.posts), airflow.gets) == (calls, [])


def test_end_without_a_date_gets_no_run(scheduler, store, airflow):
    """D3: nobody knows when, so nobody guesses."""
    plan(store, None)

    scheduler.turn(store)

    assert airflow.posts == []


def test_notification_wakes_every_relay(store, database):
    """A row that is planned, moved or revoked is told at the commit."""
    listener = Store.connect(database)
    listener.connection.execute("LISTEN ops_deactivations")
    row = plan(store)
    store.deactivations.redate(row.id, an_end(SOON + DAY), now=NOW)
    store.deactivations.revoke(row.id, why="she stays", now=NOW)

    told = list(listener.connection.notifies(timeout=1, stop_after=3))
    listener.close()

    assert len(told) == 3


MANY = """
INSERT INTO ops.deactivations
  (member_id, subscription_id, reason, vendor_at, deactivate_at, state, dag_run_id,
   created_at, updated_at, scheduled_at)
SELECT gen_random_uuid(), 'sub_many_' || n, 'period_end', at, at, 'scheduled', 'deactivation.' || n || '.1',
       %(now)s, %(now)s, %(now)s
FROM (SELECT n, %(now)s::timestamptz + n * interval '1 minute' AS at FROM generate_series(10, 50009) AS n) AS planned
"""


def test_fifty_thousand_planned_ends(scheduler, store, airflow, clock):
    """D7: a turn of the scheduler and what a run takes stay far below a second, and Airflow is asked nothing."""
    store.connection.execute(MANY, {"now": NOW})
    store.connection.execute("ANALYZE ops.deactivations")
    seconds = []
    for _ in range(20):
        clock.advance(SECOND)
        begun = time.monotonic()
        scheduler.turn(store)
        store.deactivations.take("run_1", own_id=10, now=clock.now(), row_limit=500)
        seconds.append(time.monotonic() - begun)

    assert sorted(seconds)[18] < 0.5
    assert (airflow.posts, airflow.gets) == ([], [])


# --- a change of mind ---


def test_revoked_row_loses_its_run(scheduler, store, airflow):
    """The queued run is deleted, and that is done once."""
    row = plan(store)
    scheduler.turn(store)
    store.deactivations.revoke(row.id, why="she stays", now=NOW)

    scheduler.turn(store)
    scheduler.turn(store)

    assert airflow.runs == {}
    assert airflow.deletes == [row.next_run_id]
    assert store.deactivations.withdrawals() == []


def test_run_that_waits_in_its_sensor_is_ended_first(scheduler, store, airflow):
    """Airflow deletes no run that goes on: 409."""
    row = plan(store)
    scheduler.turn(store)
    run_of(airflow, row)["state"] = "running"
    store.deactivations.revoke(row.id, why="she stays", now=NOW)

    scheduler.turn(store)

    assert airflow.runs == {}
    assert airflow.deletes == [row.next_run_id] * 2


def test_run_at_work_on_others_is_left_alone(scheduler, store, airflow, clock):
    """It has taken what else was due: it must bring that to its end."""
    row, other = plan(store), plan(store)
    scheduler.turn(store)
    run_of(airflow, row)["state"] = "running"
    clock.advance(30 * DAY)
    store.deactivations.revoke(row.id, why="she stays", now=NOW)
    store.deactivations.take(row.next_run_id, own_id=row.id, now=clock.now(), row_limit=500)

    scheduler.turn(store)

    assert run_of(airflow, row)["state"] == "running"
    assert now_is(store, other).state is EndState.RUNNING
    assert store.deactivations.withdrawals() == []


def test_moved_row_gets_another_run(scheduler, store, airflow):
    """The run of the old date goes, the one of the new date comes; also where the date is the same again."""
    row = plan(store)
    scheduler.turn(store)
    moved = store.deactivations.redate(row.id, an_end(SOON + DAY), now=NOW)
    scheduler.turn(store)
    back = store.deactivations.redate(row.id, an_end(), now=NOW)

    scheduler.turn(store)

    assert len({row.next_run_id, moved.next_run_id, back.next_run_id}) == 3
    assert [run_id for _, run_id in airflow.runs] == [back.next_run_id]


@pytest.mark.parametrize("change", ["moved", "revoked"])
def test_change_while_airflow_is_asked(scheduler, store, airflow, database, change):
    """The relay holds no lock: what it has asked for meanwhile is withdrawn."""
    row = plan(store)

    def change_it():
        with Store.connect(database).connection as connection:
            other = Store(connection)
            if change == "moved":
                other.deactivations.redate(row.id, an_end(SOON + DAY), now=NOW)
            else:
                other.deactivations.revoke(row.id, why="she stays", now=NOW)

    airflow.on_post = change_it
    scheduler.turn(store)
    airflow.on_post = None
    scheduler.turn(store)

    left = [run_id for _, run_id in airflow.runs]
    assert left == ([now_is(store, row).dag_run_id] if change == "moved" else [])


def test_lost_answer_makes_one_run(scheduler, store, airflow, clock):
    """B2: 409 is success."""
    airflow.fail("lost")
    row = plan(store)

    scheduler.turn(store)
    assert now_is(store, row).state is EndState.PENDING
    clock.advance(SECOND)
    scheduler.turn(store)

    assert airflow.posts == [row.next_run_id] * 2
    assert len(airflow.runs) == 1
    assert now_is(store, row).state is EndState.SCHEDULED
    assert airflow.faults_left == []


def test_row_that_was_done_before_the_answer_came(scheduler, store, airflow, clock):
    """The run was faster than its own 409: it is not withdrawn, a person may look at it."""
    airflow.fail("lost")
    row = plan(store, NOW - SECOND)
    scheduler.turn(store)
    assert do(store, row.next_run_id, clock, row_id=row.id) == 1
    clock.advance(SECOND)

    scheduler.turn(store)

    assert run_of(airflow, row) is not None
    assert store.deactivations.withdrawals() == []


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

    left = [run_id for _, run_id in airflow.runs]
    assert left == [rows[0].next_run_id, rows[1].next_run_id]  # the second is in its sensor
    assert store.deactivations.withdrawals() == []


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
    for _ in range(MOST_LOST + 2):
        scheduler.turn(store)
        for _, run_id in airflow.runs:
            store.deactivations.take(run_id, own_id=row.id, now=clock.now(), row_limit=500)
        airflow.runs.clear()
        clock.advance(SILENT_AFTER)
        scheduler.turn(store)
        clock.advance(SECOND)

    assert (now_is(store, row).state, len(airflow.posts)) == (EndState.FAILED, MOST_LOST)
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
    assert len(airflow.posts) < 15
    assert [line["event"] for line in logs] == ["attempt.fails"]

    airflow._faults.clear()
    airflow.dags[DAG] = {"is_paused": False, "has_import_errors": False}
    clock.advance(LONGEST_PAUSE)
    scheduler.turn(store)
    assert scheduler.troubles == {}
    assert len(airflow.runs) == 2
    assert now_is(store, rows[0]).problem is None


def test_pause_is_as_long_as_the_trouble(scheduler, store, airflow):
    """The loop sleeps until the next try, however often it is woken."""
    airflow.fail(503)
    plan(store)

    assert scheduler.turn(store) == 1.0


def test_withdrawal_that_is_refused_holds_up_no_other(scheduler, store, airflow, clock):
    """And it is tried again until Airflow has done it."""
    rows = [plan(store), plan(store)]
    scheduler.turn(store)
    for row in rows:
        store.deactivations.revoke(row.id, why="she stays", now=clock.now())
        clock.advance(SECOND)
    airflow.fail(422)

    scheduler.turn(store)
    assert len(airflow.runs) == 1
    assert "does not delete" in scheduler.troubles["withdrawals"].problem
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


# --- clocks ---


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "UTC"])
def test_database_in_another_zone(scheduler, store, airflow, zone):
    """D8: Postgres shows its zone's time; the instant, the run's name and its start stay the same."""
    store.connection.execute(f"SET TIME ZONE '{zone}'")
    row = plan(store)

    scheduler.turn(store)

    assert now_is(store, row).deactivate_at == SOON
    assert now_is(store, row).dag_run_id.endswith("2026-12-02T09:00:00Z")
    [run] = airflow.runs.values()
    assert datetime.fromisoformat(run["run_after"]) == SOON - LEAD


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_clock_that_steps(scheduler, store, airflow, clock, step):
    """D8: an hour forwards or back changes no date and makes no second run."""
    row = plan(store)
    for by in (timedelta(0), step, -step, step):
        clock.advance(by)
        scheduler.turn(store)

    assert airflow.posts == [row.next_run_id]
    assert now_is(store, row).deactivate_at == SOON


# --- one relay leads ---


@pytest.fixture
def second(api, clock, settings):
    """Give the scheduler of another relay."""
    return DeactivationScheduler(airflow=api, clock=clock, settings=settings)


def test_one_relay_leads(scheduler, second, store, airflow, database):
    """Two relays: one makes the runs. When it is gone, the other one does."""
    first_store, second_store = Store.connect(database), Store.connect(database)
    scheduler.turn(first_store)
    plan(store)

    second.turn(second_store)
    assert airflow.posts == []
    scheduler.turn(first_store)
    assert len(airflow.posts) == 1

    first_store.close()  # its process is gone, and its connection with it
    plan(store)
    until(second_store.deactivations.lead)
    second.turn(second_store)
    second_store.close()
    assert len(airflow.posts) == 2
