"""A relay that ends says so first, and works on until that has been heard."""

import os
import signal
import time

from tests.relay_process import running_relay, send_stripe, stripe_event

SECONDS = 2.0


def test_relay_that_leaves_is_ready_then_not_and_works_on(database, tmp_path):
    """A proxy sees the other one, which may just have come, then that this one goes; it takes webhooks all the time."""
    with running_relay(database, tmp_path, relay_leaving_seconds=SECONDS) as relay:
        begun = time.monotonic()
        os.kill(relay.pid, signal.SIGTERM)

        while relay.client.get("/readyz").status_code == 200:
            assert time.monotonic() - begun < 1.5 * SECONDS
        assert time.monotonic() - begun >= SECONDS
        assert relay.client.get("/readyz").json() == {"ready": False, "leaving": True}
        assert send_stripe(relay, stripe_event("evt_late")).status_code == 200

        assert relay._process.wait(timeout=15) in (0, -signal.SIGTERM)
        assert time.monotonic() - begun >= 2 * SECONDS


def test_second_signal_ends_it_at_once(database, tmp_path):
    """Who cannot wait need not."""
    with running_relay(database, tmp_path, relay_leaving_seconds=60) as relay:
        os.kill(relay.pid, signal.SIGTERM)
        assert relay.client.get("/readyz").status_code == 200

        os.kill(relay.pid, signal.SIGTERM)

        assert relay._process.wait(timeout=15) in (0, -signal.SIGTERM)
