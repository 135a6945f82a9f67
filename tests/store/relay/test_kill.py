"""kill -9 at any moment: what was answered 2xx is there, once, byte for byte (A16, B7; invariant I1)."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from include.store.inbox import InboxState
from tests.relay_process import RelayProcess, send_stripe, stripe_event

SENDERS = 8


@pytest.fixture
def rounds(request):
    """Give how often it is killed: some times, or hundreds with --long."""
    return 500 if request.config.getoption("--long") else 20


@pytest.fixture
def new_relay(database, airflow, tmp_path):
    """Give a maker of relays; none of them outlives the test."""
    relays = []

    def make():
        relays.append(RelayProcess(database, tmp_path / "relay.log", airflow_url=airflow.url))
        relays[-1].start()
        return relays[-1]

    yield make
    for relay in relays:
        relay.kill()
        relay.client.close()


def send_until_it_dies(relay, sender, round_number):
    """Send events until no answer comes; return the bodies that were acknowledged, and the last one."""
    acknowledged, number = {}, 0
    while True:
        event_id = f"evt_{round_number}_{sender}_{number}"
        body = stripe_event(event_id)
        try:
            answer = send_stripe(relay, body)
        except httpx.TransportError:
            return acknowledged, event_id
        assert answer.status_code == 200
        acknowledged[event_id] = body
        number += 1


@pytest.mark.timeout(3600)
def test_no_acknowledged_event_is_lost(new_relay, store, rounds):
    """A16: killed at random before, in and after the commit, the answer and the hand-over."""
    acknowledged, interrupted = {}, []
    for round_number in range(rounds):
        relay = new_relay()
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [
                pool.submit(send_until_it_dies, relay, sender, round_number)
                for sender in range(SENDERS)
            ]
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - a moment, no secret
            relay.kill()
            for sender in senders:
                answered, unanswered = sender.result()
                acknowledged |= answered
                interrupted.append(unanswered)
        relay.client.close()

    rows = store.connection.execute("SELECT event_id, body FROM ops.inbox").fetchall()
    bodies = {row["event_id"]: row["body"] for row in rows}
    assert len(bodies) == len(rows)
    assert {event_id: bodies.get(event_id) for event_id in acknowledged} == acknowledged
    assert set(bodies) <= set(acknowledged) | set(interrupted)
    assert len(interrupted) == rounds * SENDERS
    assert len(acknowledged) > rounds


def test_a_relay_killed_between_the_run_and_its_record(new_relay, store, airflow):
    """B7: the next relay finds the claim, asks again, gets 409, and links the run."""
    airflow.fail("taken")
    relay = new_relay()
    airflow.when_taken = relay.kill
    send_stripe(relay, stripe_event("evt_1"))
    wait_for(lambda: not relay.is_running)
    assert store.dispatches.get("stripe.test.evt_1").state == "claimed"
    assert len(airflow.runs) == 1

    store.connection.execute(
        "UPDATE ops.dispatches SET claimed_at = claimed_at - interval '1 minute'"
    )
    new_relay()
    wait_for(lambda: store.dispatches.get("stripe.test.evt_1").state == "started")

    assert airflow.posts == ["stripe.test.evt_1"] * 2
    assert len(airflow.runs) == 1
    assert store.inbox.counts() == {InboxState.DISPATCHED: 1}


def wait_for(condition, *, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
