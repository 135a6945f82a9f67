"""The dispatcher against a real Postgres and an Airflow on the wire: cases B1 to B8 and C6 of the faults."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from include.relay.attempts import MAX_PAUSE
from include.relay.dispatcher import CHECK_AFTER
from include.routing import RETRY
from include.store import Store
from include.store.dead_letters import Filter
from include.store.inbox import InboxState
from tests.store.arrivals import NOW, make_arrival, receive
from tests.store.relay.dispatching import JOB, dispatched, finish, inbox_ids, run_ids


def test_one_event_gets_its_own_run_at_once(dispatcher, store, airflow):
    """Decision 3: while nothing is in flight. Its id is the event's."""
    [row_id] = receive(store, "evt_1")

    dispatcher.turn(store)

    assert run_ids(airflow) == ["stripe.test.evt_1"]
    assert inbox_ids(airflow) == [[row_id]]
    [row] = store.inbox.of_run("stripe.test.evt_1")
    assert (row.state, row.attempts, row.dispatched_at) == (InboxState.DISPATCHED, 1, NOW)
    assert store.dispatches.get("stripe.test.evt_1").state == "started"


def test_a_run_takes_all_that_waits(dispatcher, store, airflow):
    """Decision 3: one run for many events, in the order in which they came."""
    ids = receive(store, *(f"evt_{number}" for number in range(30)))

    dispatcher.turn(store)

    assert inbox_ids(airflow) == [sorted(ids)]
    assert run_ids(airflow) == [f"batch.{min(ids)}-{max(ids)}.30"]


def test_a_run_takes_at_most_a_bulk_call(dispatcher, store, airflow):
    """500 is what Mailchimp takes in one call."""
    arrivals = [make_arrival(f"evt_{n}", member_key=f"stripe:cus_{n}") for n in range(700)]
    store.inbox.receive(arrivals)

    dispatcher.turn(store)

    assert [len(ids) for ids in inbox_ids(airflow)] == [500, 200]


def test_two_runs_are_in_flight_and_the_rest_gathers(dispatcher, store, airflow):
    """Decision 3: events gather while runs go on, and the next takes all of them."""
    for number in range(5):
        receive(store, f"evt_{number}")
        dispatcher.turn(store)
    assert len(airflow.runs) == 2

    finish(store, "stripe.test.evt_0")
    dispatcher.turn(store)

    assert [len(ids) for ids in inbox_ids(airflow)] == [1, 1, 3]
    assert store.inbox.waiting().count == 0


def test_nothing_is_started_before_it_is_due(dispatcher, store, airflow, clock):
    """And the dispatcher wakes when it is, not at its next poll."""
    receive(store, "evt_1", received_at=NOW + timedelta(seconds=3))

    assert dispatcher.turn(store) == 3
    assert airflow.posts == []

    clock.advance(timedelta(seconds=3))
    dispatcher.turn(store)
    assert len(airflow.runs) == 1


def test_an_id_that_airflow_would_refuse_is_not_shown_to_it(dispatcher, store, airflow):
    """Run ids have a narrow alphabet, and no two dots."""
    [row_id] = receive(store, "evt..ü/1")

    dispatcher.turn(store)

    assert run_ids(airflow) == [f"inbox.{row_id}"]


def test_a_later_try_has_an_id_of_its_own(dispatcher, store, airflow):
    """409 must mean this try, not an earlier one."""
    [row_id] = receive(store, "evt_1")
    dispatcher.turn(store)
    finish(store, "stripe.test.evt_1", state=InboxState.FAILED)
    store.connection.execute(
        "UPDATE ops.inbox SET state = 'waiting', due_at = %s WHERE id = %s", [NOW, row_id]
    )

    dispatcher.turn(store)

    assert run_ids(airflow) == ["stripe.test.evt_1", "stripe.test.evt_1.try2"]


def test_airflow_down_for_an_hour(dispatcher, store, airflow, clock):
    """B1: the age of the backlog shows, the calls grow rare, and then all of it runs, once."""
    airflow.fail(*[503] * 100)
    receive(store, "evt_0")
    for minute in range(60):
        dispatcher.turn(store)
        receive(store, f"evt_{minute + 1}")
        clock.advance(timedelta(minutes=1))
    failed = len(airflow.posts)
    assert store.inbox.waiting().count == 60
    assert dispatcher.troubles[JOB].problem == "Airflow answers 503"

    airflow._faults.clear()
    clock.advance(MAX_PAUSE)
    dispatcher.turn(store)

    assert 6 <= failed <= 61
    assert sorted(dispatched(airflow)) == list(range(1, 62))
    assert dispatcher.troubles == {}


def test_the_pause_doubles_up_to_a_minute(dispatcher, store, airflow, clock):
    """B5: no hot loop, whatever rings."""
    airflow.fail(*[500] * 10)
    receive(store, "evt_1")
    pauses = []
    for _ in range(9):
        dispatcher.turn(store)
        dispatcher.turn(store)  # a notification in between changes nothing
        pauses.append((dispatcher.troubles[JOB].retry_at - clock.now()).total_seconds())
        clock.advance(timedelta(seconds=pauses[-1]))

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(airflow.posts) == 9


def test_a_lost_answer_makes_one_run(dispatcher, store, airflow, clock):
    """B2: Airflow took the run, the answer did not come; the next try gets 409."""
    airflow.fail("lost")
    receive(store, "evt_1")

    dispatcher.turn(store)
    assert store.dispatches.get("stripe.test.evt_1").state == "claimed"
    clock.advance(timedelta(seconds=1))
    dispatcher.turn(store)

    assert airflow.posts == ["stripe.test.evt_1"] * 2
    assert len(airflow.runs) == 1
    assert store.dispatches.get("stripe.test.evt_1").state == "started"
    assert airflow.faults_left == []


def test_a_run_that_ends_before_its_answer_comes_stays_finished(dispatcher, store, airflow, clock):
    """B2, the fast case: the job was done before the relay knew that it had begun."""
    airflow.fail("lost")
    receive(store, "evt_1")
    dispatcher.turn(store)
    finish(store, "stripe.test.evt_1")
    clock.advance(timedelta(seconds=1))

    dispatcher.turn(store)

    assert airflow.posts == ["stripe.test.evt_1"]
    assert store.dispatches.get("stripe.test.evt_1").state == "finished"


def test_an_expired_token_costs_no_pause(dispatcher, store, airflow):
    """B3: 401 is renewed within the call."""
    receive(store, "evt_1")
    dispatcher.turn(store)
    airflow.revoke_tokens()
    receive(store, "evt_2")

    dispatcher.turn(store)

    assert len(airflow.runs) == 2
    assert airflow.logins == 2


@pytest.mark.parametrize(
    "broken",
    [
        (lambda airflow: airflow.fail(*[403] * 20), "refuses the user relay"),
        (lambda airflow: airflow.dags.clear(), "not found"),
        (lambda airflow: airflow.dags[JOB].update(has_import_errors=True), "import errors"),
    ],
    ids=["403", "no DAG", "import error"],
)
def test_what_a_person_must_mend_is_said_and_waited_for(dispatcher, store, airflow, clock, broken):
    """B3 and B4: the rows wait, none fails, the problem shows, and there is no hot loop."""
    break_it, problem = broken
    break_it(airflow)
    receive(store, "evt_1", "evt_2")
    with capture_logs() as logs:
        for _ in range(60):
            dispatcher.turn(store)
            clock.advance(timedelta(seconds=5))

    [dispatch] = store.dispatches.in_flight()
    assert problem in dispatch.problem
    assert problem in dispatcher.troubles[JOB].problem
    assert store.inbox.counts() == {InboxState.DISPATCHED: 2}
    assert (
        3 <= len(airflow.posts) < 30
    )  # each attempt is two where Airflow says 403: it logs in anew
    assert [line["event"] for line in logs] == ["attempt.fails"]


def test_it_goes_on_when_the_dag_is_there(dispatcher, store, airflow, clock):
    """B4: nothing has to be done for the rows that waited."""
    dag = airflow.dags.pop(JOB)
    receive(store, "evt_1")
    dispatcher.turn(store)
    airflow.dags[JOB] = dag
    clock.advance(MAX_PAUSE)

    dispatcher.turn(store)

    assert run_ids(airflow) == ["stripe.test.evt_1"]
    assert store.dispatches.get("stripe.test.evt_1").problem is None


def test_a_paused_dag_is_said(dispatcher, store, airflow, clock):
    """B4: Airflow takes the runs of a paused DAG and keeps them; nobody would notice."""
    airflow.dags[JOB]["is_paused"] = True
    receive(store, "evt_1")
    dispatcher.turn(store)
    clock.advance(CHECK_AFTER)

    dispatcher.turn(store)

    assert store.dispatches.get("stripe.test.evt_1").problem == "the DAG is paused"
    assert store.inbox.counts() == {InboxState.DISPATCHED: 1}


def test_one_member_gets_a_hundred_rows_a_minute_and_others_do_not_wait(
    dispatcher, store, airflow, clock
):
    """C6: 7,000 events of one member before those of another; nothing is lost."""
    noisy = [make_arrival(f"noisy_{n}", member_key="stripe:cus_noisy") for n in range(7000)]
    for start in range(0, 7000, 500):
        store.inbox.receive(noisy[start : start + 500])
    receive(store, "evt_quiet", member_key="stripe:cus_quiet", received_at=NOW)

    dispatcher.turn(store)
    assert [len(ids) for ids in inbox_ids(airflow)] == [100, 1]

    for minute in range(1, 4):
        for dispatch in store.dispatches.in_flight():
            finish(store, dispatch.dag_run_id)
        clock.advance(timedelta(minutes=1))
        dispatcher.turn(store)
        assert len(dispatched(airflow)) == 101 + 100 * minute
    assert sum(store.inbox.counts().values()) == 7001


def test_events_without_a_member_have_no_limit(dispatcher, store, airflow):
    """What nobody can be told from cannot be limited by member."""
    store.inbox.receive([make_arrival(f"evt_{n}", member_key=None) for n in range(150)])

    dispatcher.turn(store)

    assert [len(ids) for ids in inbox_ids(airflow)] == [150]


def fail(store, ids, *, due_at=NOW, member_id=None):
    """Let rows that a run holds fail, as a job does, and be due again."""
    if member_id:
        store.inbox.assign_members(dict.fromkeys(ids, member_id))
    store.inbox.fail(ids, reason="Mailchimp is out of service", now=NOW)
    store.inbox.retry(ids, due_at=due_at)


def retries(airflow):
    return [
        (run_id, run["conf"]["inbox_ids"])
        for (dag, run_id), run in airflow.runs.items()
        if dag == RETRY
    ]


def test_what_failed_goes_to_webhook_retry(dispatcher, store, airflow, clock):
    """The events of one member in one run, another's in another; not before they are due."""
    ids = receive(store, "evt_1", "evt_2", "evt_3")
    dispatcher.turn(store)
    fail(store, ids[:2], member_id=UUID(int=1), due_at=NOW + timedelta(seconds=1))
    fail(store, ids[2:], member_id=UUID(int=2), due_at=NOW + timedelta(seconds=1))
    assert dispatcher.turn(store) == pytest.approx(1)
    assert retries(airflow) == []

    clock.advance(timedelta(seconds=1))
    dispatcher.turn(store)

    name = f"retry.batch.{ids[0]}-{ids[1]}.2.try2"
    assert retries(airflow) == [(name, ids[:2]), ("retry.stripe.test.evt_3.try2", ids[2:])]
    assert set(store.inbox.counts()) == {InboxState.DISPATCHED}


def test_several_relays_start_one_retry(store, airflow, make_dispatcher, database):
    """Each row is in one run's hands."""
    ids = receive(store, *(f"evt_{n}" for n in range(6)))
    store.connection.execute("UPDATE ops.inbox SET state = 'dispatched'")
    for n, id_ in enumerate(ids):
        fail(store, [id_], member_id=UUID(int=n))

    def turn(dispatcher):
        other = Store.connect(database)
        try:
            dispatcher.turn(other)
        finally:
            other.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(turn, [make_dispatcher(retry_max_in_flight=6) for _ in range(4)]))

    assert sorted(taken for _, [taken] in retries(airflow)) == sorted(ids)


def test_members_limit_holds_for_retries(store, airflow, make_dispatcher, clock):
    """A hundred a minute in all; the surplus is due a minute later."""
    [row_id] = receive(store, "evt_1")
    dispatcher = make_dispatcher(member_runs_per_minute=1)
    dispatcher.turn(store)
    fail(store, [row_id], due_at=NOW + timedelta(seconds=1))
    clock.advance(timedelta(seconds=1))

    dispatcher.turn(store)

    assert retries(airflow) == []
    assert store.inbox.next_retry() == NOW + timedelta(seconds=61)


def test_retry_that_is_lost_is_dead(dispatcher, store, airflow, clock):
    """A run whose job breaks each time must not come back for ever: its rows wait for a person, with a letter."""
    [row_id] = receive(store, "evt_1")
    dispatcher.turn(store)
    fail(store, [row_id])
    dispatcher.turn(store)
    [(run_id, _)] = retries(airflow)
    airflow.runs[RETRY, run_id]["state"] = "failed"
    clock.advance(CHECK_AFTER)

    dispatcher.turn(store)

    [row] = store.inbox.rows([row_id])
    assert (row.state, row.due_at) == (InboxState.DEAD, None)
    [letter] = store.dead_letters.select(Filter())
    assert (letter.subject, letter.dag_run_id) == (f"row:{row_id}", run_id)
    assert "without recording" in letter.reason
    assert store.inbox.next_retry() is None


def test_batch_that_is_lost_is_tried_alone(dispatcher, store, airflow, clock):
    """Whatever broke the run: one of its rows, or the machine."""
    ids = receive(store, "evt_1", "evt_2")
    dispatcher.turn(store)
    [(job, run_id)] = airflow.runs
    airflow.runs[job, run_id]["state"] = "failed"
    clock.advance(CHECK_AFTER)

    dispatcher.turn(store)  # sees that it is lost
    dispatcher.turn(store)

    assert sorted(taken for _, [taken] in retries(airflow)) == ids
