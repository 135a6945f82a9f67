"""Runs that were claimed, lost, deleted or ended without a record."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.airflow_api.client import AirflowClient
from include.clock import FixedClock
from include.relay.attempts import MAX_PAUSE
from include.relay.dispatcher import ADOPT_AFTER, CHECK_AFTER, Dispatcher
from include.store import Store
from include.store.inbox import InboxState
from tests.store.arrivals import NOW, receive
from tests.store.relay.dispatching import JOB, dispatched, finish, run_ids


def test_two_relays_start_one_run(database, airflow, settings, store):
    """B6: four race for a hundred rows; each row is in exactly one run, whoever starts it."""
    settings = settings.model_copy(update={"dispatch_batch_size": 3})
    for number in range(100):
        receive(store, f"evt_{number}", member_key=f"stripe:cus_{number}")

    def relay(_):
        own = Store.connect(database)
        api = AirflowClient(
            url=airflow.url,
            username=settings.airflow_username,
            password=settings.airflow_password,
        )
        dispatcher = Dispatcher(airflow=api, clock=FixedClock(NOW), settings=settings)
        while own.inbox.counts() != {InboxState.PROCESSED: 100}:
            dispatcher.turn(own)
            for dispatch in own.dispatches.in_flight():
                if dispatch.state == "started":
                    finish(own, dispatch.dag_run_id)
        own.close()
        api.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(relay, range(4)))

    assert sorted(dispatched(airflow)) == list(range(1, 101))
    assert len(airflow.posts) == len(airflow.runs) == 34
    assert store.inbox.counts() == {InboxState.PROCESSED: 100}


def test_a_claim_whose_relay_died_is_started_by_another(dispatcher, store, airflow, clock):
    """B7: killed between the claim and the call; within 2 minutes, here 10 seconds."""
    receive(store, "evt_1")
    store.dispatches.claim(JOB, now=NOW, max_in_flight=2, batch_size=500, member_limit=100)

    dispatcher.turn(store)
    assert airflow.posts == []  # it may be about to be started by the relay that claimed it

    clock.advance(ADOPT_AFTER)
    dispatcher.turn(store)
    assert run_ids(airflow) == ["stripe.test.evt_1"]


def test_a_run_that_was_started_and_not_recorded_is_linked(dispatcher, store, api, airflow, clock):
    """B7: killed between the call and the record of it."""
    receive(store, "evt_1")
    claim = store.dispatches.claim(JOB, now=NOW, max_in_flight=2, batch_size=500, member_limit=100)
    api.start_run(JOB, claim.dag_run_id, conf={"inbox_ids": claim.inbox_ids})
    clock.advance(ADOPT_AFTER)

    dispatcher.turn(store)

    assert len(airflow.runs) == 1
    assert store.dispatches.get(claim.dag_run_id).state == "started"


def test_a_run_that_was_deleted_gives_its_rows_back(dispatcher, store, airflow, clock):
    """B8: they wait again, and get a run of another id."""
    receive(store, "evt_1")
    dispatcher.turn(store)
    airflow.runs.clear()
    clock.advance(CHECK_AFTER)

    dispatcher.turn(store)  # notices
    dispatcher.turn(store)  # starts

    assert store.dispatches.get("stripe.test.evt_1").state == "lost"
    assert run_ids(airflow) == ["stripe.test.evt_1.try2"]


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_run_that_ended_without_a_record_fails_its_rows(dispatcher, store, airflow, clock, state):
    """G3: what is not recorded is not done, whatever Airflow says."""
    receive(store, "evt_1")
    dispatcher.turn(store)
    airflow.runs[JOB, "stripe.test.evt_1"]["state"] = state
    clock.advance(CHECK_AFTER)

    dispatcher.turn(store)

    [row] = store.inbox.of_run("stripe.test.evt_1")
    assert (row.state, row.reason) == (
        InboxState.FAILED,
        f"the run ended as {state} without recording this",
    )
    assert store.dispatches.in_flight() == []


@pytest.mark.parametrize("state", ["failed", "success", None])
def test_the_record_of_such_a_run_is_closed_too(dispatcher, store, airflow, clock, state):
    """It does not count as running until the next reconciliation."""
    receive(store, "evt_1")
    dispatcher.turn(store)
    store.job_runs.open(JOB, "stripe.test.evt_1", ends=["record"], now=clock.now())
    if state:
        airflow.runs[JOB, "stripe.test.evt_1"]["state"] = state
    else:
        airflow.runs.clear()
    clock.advance(CHECK_AFTER)

    dispatcher.turn(store)

    assert store.job_runs.get(JOB, "stripe.test.evt_1").status == "lost"


def test_a_run_that_goes_on_is_left_alone(dispatcher, store, airflow, clock):
    """However long it takes; Airflow's own time-out ends it."""
    receive(store, "evt_1")
    dispatcher.turn(store)
    airflow.runs[JOB, "stripe.test.evt_1"]["state"] = "running"
    for _ in range(10):
        clock.advance(CHECK_AFTER)
        dispatcher.turn(store)

    assert store.dispatches.get("stripe.test.evt_1").state == "started"
    assert store.inbox.counts() == {InboxState.DISPATCHED: 1}


def test_a_claim_whose_rows_a_person_ended_is_closed(dispatcher, store, airflow, clock):
    """It must not take a place among the runs in flight for ever."""
    airflow.fail(503)
    ids = receive(store, "evt_1")
    dispatcher.turn(store)
    store.inbox.finish(ids, state=InboxState.DEAD, reason="a person said so", now=NOW)
    clock.advance(MAX_PAUSE)

    dispatcher.turn(store)

    assert store.dispatches.in_flight() == []
    assert airflow.runs == {}
