"""Runs and their rows: who holds what, and when a run is over."""

from datetime import timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.store.dispatches import dag_run_id_of
from include.store.inbox import InboxState
from tests.airflow_stand_in import RUN_ID
from tests.store.arrivals import NOW, make_arrival, receive

JOB = "mailchimp_sync"


def claim(store, **changes):
    values = {"now": NOW, "max_in_flight": 2, "batch_size": 500, "member_limit": 100}
    return store.dispatches.claim(JOB, **{**values, **changes})


def claim_one(store, event_id="evt_1"):
    receive(store, event_id)
    return claim(store)


def test_nothing_due_is_no_claim(store):
    """And opens no run."""
    assert claim(store) is None
    assert store.dispatches.in_flight() == []


@pytest.mark.parametrize(
    ("bounds", "sizes"),
    [
        ({"batch_size": 8}, [8, 8, 8, 8, 8]),
        ({"batch_size": 8, "min_batch_size": 9}, [8, 8, 8, 8, 8]),
        ({"batch_size": 8, "min_batch_size": 2}, [8, 8, 6, 5, 4, 3, 2, 2, 2]),
        ({"batch_size": 40, "min_batch_size": 1}, [10, 8, 6, 4, 3, 3, 2, 1, 1, 1, 1]),
    ],
    ids=["as large as may be", "no lower bound above the upper", "shares", "down to one"],
)
def test_a_run_takes_its_share_of_what_waits(store, bounds, sizes):
    """Of forty rows and four runs at once a quarter of what is left each time, within its bounds."""
    keys = [f"evt_{number}" for number in range(40)]
    store.inbox.receive([make_arrival(key, member_key=f"stripe:{key}") for key in keys])

    taken = []
    while run := claim(store, max_in_flight=4, **bounds):
        taken.append(len(run.inbox_ids))
        if len(taken) >= 4:  # as many as may be: one of them ends
            store.inbox.finish(run.inbox_ids, state=InboxState.PROCESSED, now=NOW)
            store.dispatches.finish(run.dag_run_id, now=NOW)

    assert taken == sizes


def test_a_run_ends_with_its_last_row(store):
    """Not before, and once."""
    ids = receive(store, "evt_1", "evt_2")
    run = claim(store).dag_run_id
    store.inbox.finish(ids[:1], state=InboxState.PROCESSED, now=NOW)
    assert not store.dispatches.finish(run, now=NOW)

    store.inbox.finish(ids[1:], state=InboxState.PROCESSED, now=NOW)
    assert store.dispatches.finish(run, now=NOW)
    assert not store.dispatches.finish(run, now=NOW)

    assert store.dispatches.get(run).state == "finished"
    assert store.dispatches.in_flight() == []


def test_the_end_of_a_run_rings(store, database):
    """What waited starts at once, not at the next poll."""
    run = claim_one(store)
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN ops_inbox")
        with store.transaction():
            store.inbox.finish(run.inbox_ids, state=InboxState.PROCESSED, now=NOW)
            store.dispatches.finish(run.dag_run_id, now=NOW)

        assert len(list(listener.notifies(timeout=0.5, stop_after=1))) == 1


def test_a_started_run_rings_for_the_scheduler(store, database):
    """The executor of a local stack waits for it instead of sleeping."""
    run = claim_one(store)
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN ops_scheduler")
        store.dispatches.started(run.dag_run_id, now=NOW)

        assert len(list(listener.notifies(timeout=0.5, stop_after=1))) == 1


def test_a_cleared_run_takes_its_failed_rows_again(store):
    """Decision: each task may be cleared and rerun; the run is then followed as before."""
    run = claim_one(store)
    store.dispatches.started(run.dag_run_id, now=NOW)
    store.dispatches.mark_lost(run.dag_run_id, reason="it failed", now=NOW)
    later = NOW + timedelta(hours=1)

    adopted = store.dispatches.attach(run.dag_run_id, job=JOB, inbox_ids=run.inbox_ids, now=later)

    assert adopted == run.inbox_ids
    dispatch = store.dispatches.get(run.dag_run_id)
    assert (dispatch.state, dispatch.started_at, dispatch.problem) == ("started", later, None)
    [row] = store.inbox.of_run(run.dag_run_id)
    assert (row.state, row.reason, row.attempts) == (InboxState.DISPATCHED, None, 2)


def test_a_run_started_by_hand_takes_rows_that_wait(store):
    """A person triggers the DAG with inbox ids: the dispatcher does not start them too."""
    ids = receive(store, "evt_1")

    assert store.dispatches.attach("manual__1", job=JOB, inbox_ids=ids, now=NOW) == ids

    assert claim(store) is None
    assert [dispatch.dag_run_id for dispatch in store.dispatches.in_flight()] == ["manual__1"]


def test_a_run_started_by_hand_takes_nothing_from_another(store):
    """Rows that a run holds, or that have ended, are not taken over."""
    held = claim_one(store, "evt_held")
    ended = claim_one(store, "evt_ended")
    store.inbox.finish(ended.inbox_ids, state=InboxState.PROCESSED, now=NOW)
    ids = held.inbox_ids + ended.inbox_ids

    assert store.dispatches.attach("manual__1", job=JOB, inbox_ids=ids, now=NOW) == []
    assert store.dispatches.get("manual__1") is None


def test_the_dispatchers_own_run_adopts_nothing(store):
    """Every run asks; only those of a person find something."""
    run = claim_one(store)

    assert store.dispatches.attach(run.dag_run_id, job=JOB, inbox_ids=run.inbox_ids, now=NOW) == []
    assert store.inbox.of_run(run.dag_run_id)[0].attempts == 1


def test_a_run_without_rows_left_is_finished_not_lost(store):
    """Airflow failed it after all was recorded: nothing is missing."""
    run = claim_one(store)
    store.inbox.finish(run.inbox_ids, state=InboxState.PROCESSED, now=NOW)

    store.dispatches.mark_lost(run.dag_run_id, reason="it failed", now=NOW)

    assert store.dispatches.get(run.dag_run_id).state == "finished"
    assert store.inbox.counts() == {InboxState.PROCESSED: 1}


rows = st.builds(
    dict,
    id=st.integers(1, 10**12),
    provider=st.just("stripe"),
    mode=st.sampled_from(["live", "test"]),
    event_id=st.text(min_size=1, max_size=255),
    attempts=st.integers(0, 50),
)


@given(st.lists(rows, min_size=1, max_size=5, unique_by=lambda row: row["id"]))
def test_airflow_takes_every_run_id(rows):
    """Whatever ids the vendors send."""
    assert RUN_ID.fullmatch(dag_run_id_of(rows))


@pytest.mark.parametrize(
    ("attempts", "run_id"), [(0, "stripe.test.evt_1"), (1, "stripe.test.evt_1.try2")]
)
def test_a_run_id_tells_the_event_and_the_try(attempts, run_id):
    """What a person searches for in the Airflow UI."""
    row = {"id": 7, "provider": "stripe", "mode": "test", "event_id": "evt_1", "attempts": attempts}

    assert dag_run_id_of([row]) == run_id


def test_two_batches_with_the_same_ends_and_length_differ():
    """The oldest row is in one run at a time, so its try tells them apart."""
    row = {"provider": "stripe", "mode": "test", "event_id": "evt_1"}
    first = [{**row, "id": row_id, "attempts": 0} for row_id in (1, 2, 4)]
    second = [
        {**row, "id": 1, "attempts": 1},
        {**row, "id": 3, "attempts": 5},
        {**row, "id": 4, "attempts": 1},
    ]

    assert dag_run_id_of(first) == "batch.1-4.3"
    assert dag_run_id_of(second) == "batch.1-4.3.try2"
