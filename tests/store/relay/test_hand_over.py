"""From the answer to the run: a real relay wakes by itself, and two relays share the work."""

import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest

from include.clock import FixedClock
from include.relay.dispatch_loop import DispatchLoop
from include.relay.notify_waiter import NotifyWaiter
from include.store import Store
from include.store.inbox import InboxState
from tests.relay_process import running_relay, send_stripe, stripe_event
from tests.store.arrivals import NOW


def wait_for(condition, *, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def finish_all(store, airflow):
    """Do what the job does, for every run that Airflow has."""
    for _, run_id in list(airflow.runs):
        with store.transaction():
            ids = [row.id for row in store.inbox.of_run(run_id)]
            store.inbox.finish(ids, state=InboxState.PROCESSED, now=NOW)
            store.dispatches.finish(run_id, now=NOW)


def test_an_event_is_a_run_long_before_the_next_poll(database, airflow, tmp_path):
    """The relay is woken by the commit: the poll, here a minute, is for what a notification missed."""
    with running_relay(
        database, tmp_path, airflow_url=airflow.url, dispatch_poll_seconds=60
    ) as relay:
        send_stripe(relay, stripe_event("evt_warm"))
        wait_for(lambda: len(airflow.runs) == 1)

        send_stripe(relay, stripe_event("evt_1"))
        wait_for(lambda: len(airflow.runs) == 2, seconds=5)


def test_what_gathered_starts_when_a_run_ends(database, store, airflow, tmp_path):
    """The job's last task wakes the relay too."""
    with running_relay(
        database, tmp_path, airflow_url=airflow.url, dispatch_poll_seconds=60
    ) as relay:
        for number in range(2):
            send_stripe(relay, stripe_event(f"evt_{number}"))
            wait_for(lambda: len(airflow.runs) == number + 1)  # noqa: B023 - waited for here
        for number in range(2, 6):
            send_stripe(relay, stripe_event(f"evt_{number}"))

        finish_all(store, airflow)
        wait_for(lambda: len(airflow.runs) == 3, seconds=5)

    ids = [row_id for run in airflow.runs.values() for row_id in run["conf"]["inbox_ids"]]
    assert sorted(ids) == [1, 2, 3, 4, 5, 6]


def test_two_relays_share_the_work(database, store, airflow, tmp_path):
    """B6 with real processes: each row in one run, at most two runs in flight."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in "ab"]
        for folder in folders:
            folder.mkdir()
        relays = [
            stack.enter_context(running_relay(database, folder, airflow_url=airflow.url))
            for folder in folders
        ]
        for number in range(100):
            send_stripe(relays[number % 2], stripe_event(f"evt_{number}"))
            assert len(store.dispatches.in_flight()) <= 2
            if number % 5 == 0:
                finish_all(store, airflow)
        while store.inbox.counts() != {InboxState.PROCESSED: 100}:
            finish_all(store, airflow)

    ids = [row_id for run in airflow.runs.values() for row_id in run["conf"]["inbox_ids"]]
    assert sorted(ids) == list(range(1, 101))
    assert len(airflow.posts) == len(set(airflow.posts))


class StubDispatcher:
    """A dispatcher whose turns the test writes."""

    def __init__(self, *turns):
        """Do `turns` in order, then nothing more."""
        self.turns = list(turns)
        self.count = 0
        self.troubles = {}

    def turn(self, store):
        """Count, and do the next."""
        self.count += 1
        if self.turns:
            self.turns.pop(0)(store)
        return 60.0


@pytest.fixture
def loop_of(database):
    """Give a running loop around a dispatcher; it is stopped at the end."""
    loops = []

    def start(dispatcher):
        connect = lambda: Store.connect(database)  # noqa: E731
        loop = DispatchLoop(
            dispatcher,
            name="dispatcher",
            channel="ops_inbox",
            connect=connect,
            clock=FixedClock(NOW),
        )
        loops.append(loop)
        loops[-1].start()
        return loops[-1]

    yield start
    for loop in loops:
        loop.stop()


def test_the_loop_outlives_a_bug(loop_of, monkeypatch):
    """The thread must not end: nobody would notice until the backlog does."""
    monkeypatch.setattr("include.relay.dispatch_loop.BUG_PAUSE_SECONDS", 0.01)
    dispatcher = StubDispatcher(lambda store: store.no_such_table)

    loop = loop_of(dispatcher)

    wait_for(lambda: dispatcher.count == 2)
    assert loop.state() == {"state": "working"}


def test_the_loop_outlives_its_connection(loop_of, monkeypatch):
    """And listens again on the new one."""
    monkeypatch.setattr("include.relay.dispatch_loop.DATABASE_PAUSE_SECONDS", 0.01)
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"
    dispatcher = StubDispatcher(lambda store: store.connection.execute(kill))

    loop_of(dispatcher)

    wait_for(lambda: dispatcher.count == 2)


def test_the_loop_ends_at_once(loop_of):
    """However long it would have waited."""
    dispatcher = StubDispatcher()
    loop = loop_of(dispatcher)
    wait_for(lambda: dispatcher.count == 1)
    begun = time.monotonic()

    loop.stop()

    assert time.monotonic() - begun < 2
    assert loop.state() == {"state": "stopped"}


def test_the_waiter_forgets_no_call(store, database):
    """Also one that came while statements were running, or before anybody waited."""
    waiter, other = NotifyWaiter("ops_inbox"), Store.connect(database)
    waiter.listen(store.connection)
    rings = [
        waiter.wake,
        other.inbox.wake_dispatchers,
        lambda: (other.inbox.wake_dispatchers(), store.inbox.counts()),
        lambda: threading.Timer(0.05, other.inbox.wake_dispatchers).start(),
    ]

    for ring in rings:
        ring()
        begun = time.monotonic()
        waiter.wait(store.connection, 30)
        assert time.monotonic() - begun < 10

    begun = time.monotonic()
    waiter.wait(store.connection, 0.1)
    assert time.monotonic() - begun >= 0.1
    other.close()
    waiter.close()


def test_trouble_is_told_in_words(loop_of):
    """What a person reads at `/readyz`."""
    from include.relay.attempts import FailedAttempt

    dispatcher = StubDispatcher()
    loop = loop_of(dispatcher)
    wait_for(lambda: dispatcher.count == 1)
    dispatcher.troubles["mailchimp_sync"] = FailedAttempt(
        "Airflow answers 503", NOW - timedelta(seconds=90), NOW + timedelta(seconds=30)
    )

    assert loop.state() == {
        "state": "waiting for Airflow",
        "problems": {
            "mailchimp_sync": {
                "problem": "Airflow answers 503",
                "for_seconds": 90,
                "next_try_in_seconds": 30,
            }
        },
    }
