"""Postgres stops, hangs, is full: 503 within 2 s, never 2xx, and by itself well again (A17, A18)."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import psycopg
import pytest

from include.store import Store
from tests.relay_process import running_relay, send_stripe, stripe_event

PATIENCE_SECONDS = 10


@pytest.fixture
def database(own_postgres):
    """Give an empty database on a server that nobody else uses."""
    own_postgres.execute("CREATE DATABASE ops_outage_test TEMPLATE ops_template_test")
    yield own_postgres.dsn("ops_outage_test")
    own_postgres.restart()
    own_postgres.execute("DROP DATABASE ops_outage_test WITH (FORCE)")


@pytest.fixture
def relay(database, tmp_path):
    """Run a relay on it."""
    with running_relay(database, tmp_path) as relay:
        yield relay


def timed(relay, event_id):
    begun = time.monotonic()
    answer = send_stripe(relay, stripe_event(event_id))
    return answer.status_code, time.monotonic() - begun


def readiness(relay):
    answer = relay.client.get("/readyz")
    return answer.status_code, answer.json()["ready"]


def wait_until_ready(relay):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while readiness(relay) != (200, True):
        assert time.monotonic() < deadline, "not ready again"
        time.sleep(0.1)


def send_during(relay, count):
    """Send so many events at once; return (event id, status, seconds) of each."""
    with ThreadPoolExecutor(8) as pool:
        ids = [f"evt_down_{number}" for number in range(count)]
        return [
            (event_id, *outcome)
            for event_id, outcome in zip(ids, pool.map(lambda e: timed(relay, e), ids), strict=True)
        ]


def test_postgres_stopped_and_started(relay, own_postgres, database):
    """A17: 503 within 2 s while it is away, 200 for the vendor's next delivery, nothing lost."""
    assert timed(relay, "evt_before")[0] == 200

    own_postgres.stop()
    outcomes = send_during(relay, 40)
    assert {status for _, status, _ in outcomes} == {503}
    assert max(seconds for _, _, seconds in outcomes) < 2
    assert readiness(relay) == (503, False)
    assert relay.client.get("/healthz").status_code == 200

    own_postgres.start()
    wait_until_ready(relay)
    assert {timed(relay, event_id)[0] for event_id, _, _ in outcomes} == {200}
    store = Store.connect(database)
    assert sum(store.inbox.counts().values()) == 41
    store.close()


def test_postgres_restarted_between_two_events(relay, own_postgres):
    """A connection that died unnoticed costs no event a 503."""
    assert timed(relay, "evt_1")[0] == 200
    own_postgres.stop()
    own_postgres.start()

    assert timed(relay, "evt_2")[0] == 200


def test_postgres_hangs(relay, own_postgres, database):
    """A17, the silent kind: accepted connections, no answers; 503 within 2 s all the same."""
    assert timed(relay, "evt_before")[0] == 200
    frozen = [own_postgres.process, *psutil.Process(own_postgres.process.pid).children()]
    for process in frozen:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        outcomes = send_during(relay, 16)
        ready = readiness(relay)
    finally:
        for process in frozen:
            with suppress(ProcessLookupError):  # at its end before, and now its parent goes on
                os.kill(process.pid, signal.SIGCONT)

    assert {status for _, status, _ in outcomes} == {503}
    assert max(seconds for _, _, seconds in outcomes) < 2
    assert ready == (503, False)
    wait_until_ready(relay)
    assert timed(relay, "evt_after")[0] == 200
    store = Store.connect(database)
    assert len(store.inbox.by_event_id("evt_after")) == 1
    store.close()


def test_a_full_disk(relay, own_postgres):
    """A18: 503, no part of a row, not ready; and well again when there is room."""
    own_postgres.execute(
        """
        CREATE FUNCTION ops.refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk AFTER INSERT ON ops.inbox EXECUTE FUNCTION ops.refuse();
        """,
        database="ops_outage_test",
    )
    status, seconds = timed(relay, "evt_1")
    assert (status, readiness(relay)) == (503, (503, False))
    assert seconds < 2

    own_postgres.execute("DROP TRIGGER full_disk ON ops.inbox", database="ops_outage_test")
    assert timed(relay, "evt_1")[0] == 200
    wait_until_ready(relay)
    rows = own_postgres.execute("SELECT count(*) FROM ops.inbox", database="ops_outage_test")
    assert rows == [(1,)]


def test_a_value_that_postgres_refuses_harms_no_other(relay, own_postgres):
    """One row of a group cannot be stored: its sender gets 400, its neighbours 200."""
    own_postgres.execute(
        "ALTER TABLE ops.inbox ADD CONSTRAINT odd CHECK (event_id <> 'evt_down_7')",
        database="ops_outage_test",
    )

    outcomes = send_during(relay, 16)

    assert [status for _, status, _ in outcomes] == [200] * 7 + [400] + [200] * 8


def test_no_connection_is_left(database, own_postgres, tmp_path):
    """A18: the database refuses one more connection; 503 until there is one."""
    own_postgres.restart(max_connections=8)
    taken = []
    with running_relay(database, tmp_path) as relay:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            taken.extend(iter(lambda: Store.connect(database), None))
        status, seconds = timed(relay, "evt_1")
        assert (status, readiness(relay)) == (503, (503, False))
        assert seconds < 2

        for store in taken:
            store.close()
        wait_until_ready(relay)
        assert timed(relay, "evt_1")[0] == 200


def test_it_ends_in_order(relay):
    """SIGTERM: what was begun is answered, what was answered is stored, then it goes."""
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(timed, relay, f"evt_{number}") for number in range(8)]
        assert {answer.result()[0] for answer in sent} == {200}

    assert relay.stop() == -signal.SIGTERM  # uvicorn ends by the signal, after it has stopped
    assert "relay.stopped" in relay.log.read_text()
