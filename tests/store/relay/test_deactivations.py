"""The scheduler of deactivations against a real Postgres and an Airflow on the wire: D6, B2 to B8 of the faults."""

import time
from datetime import datetime, timedelta

import pytest

from include.membership.ends import EndState
from include.relay.deactivations import (
    BATCH,
    DeactivationScheduler,
)
from include.store import Store
from tests.jobs.world import until
from tests.store.arrivals import NOW
from tests.store.relay.planned_ends import (
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
    assert cancellations(store) == []


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
    assert [one.dag_run_id for one in cancellations(store)] == [other.next_run_id]  # not its own


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
    """The relay holds no lock: what it has asked for meanwhile is cancelled."""
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
    """The run was faster than its own 409: it is not cancelled, a person may look at it."""
    airflow.fail("lost")
    row = plan(store, NOW - SECOND)
    scheduler.turn(store)
    assert do(store, row.next_run_id, clock, row_id=row.id) == 1
    clock.advance(SECOND)

    scheduler.turn(store)

    assert run_of(airflow, row) is not None
    assert cancellations(store) == []


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
    until(second_store.deactivations.try_lead)
    second.turn(second_store)
    second_store.close()
    assert len(airflow.posts) == 2
