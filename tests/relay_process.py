"""A real relay in a process of its own, and a vendor that signs and sends."""

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from svix.webhooks import Webhook

ROOT = Path(__file__).parents[1]
STRIPE_SECRET = "whsec_test"
CLERK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class RelayProcess:
    """`python -m include.relay`, to be asked, ended and killed."""

    def __init__(self, dsn, log, *, airflow_url="http://127.0.0.1:9", **settings):
        """Prepare it; nothing is started yet."""
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=20)
        self.log = log
        self._process = None
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPS_DATABASE_URL": dsn,
            "OPS_RELAY_PORT": str(self.port),
            "OPS_STRIPE_WEBHOOK_SECRETS": STRIPE_SECRET,
            "OPS_CLERK_WEBHOOK_SECRETS": CLERK_SECRET,
            "OPS_AIRFLOW_URL": airflow_url,
            "OPS_AIRFLOW_PASSWORD": "secret",
            **{f"OPS_{name.upper()}": str(value) for name, value in settings.items()},
        }

    @property
    def pid(self):
        """Return its process id."""
        return self._process.pid

    @property
    def is_running(self):
        """Tell whether the process is there."""
        return self._process.poll() is None

    def start(self):
        """Start it, and return when it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "include.relay"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the relay does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self):
        """End it gracefully, and return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(timeout=15)

    def kill(self):
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=15)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def running_relay(dsn, folder, **settings):
    """Run a relay while the block runs."""
    relay = RelayProcess(dsn, folder / "relay.log", **settings)
    relay.start()
    try:
        yield relay
        relay.stop()
    finally:
        relay.kill()
        relay.client.close()


def stripe_headers(body, *, secret=STRIPE_SECRET, at=None):
    """Sign as Stripe does, now unless told otherwise."""
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={digest}"}


def clerk_headers(body, *, message_id="msg_1", at=None):
    """Sign as Clerk does, now unless told otherwise."""
    at = int(time.time()) if at is None else at
    moment = datetime.fromtimestamp(at, UTC)
    signature = Webhook(CLERK_SECRET).sign(message_id, moment, body.decode())
    return {"svix-id": message_id, "svix-timestamp": str(at), "svix-signature": signature}


def stripe_event(event_id="evt_1", **changes):
    """Return the body of a customer's change."""
    event = {
        "id": event_id,
        "object": "event",
        "type": "customer.updated",
        "created": 1_700_000_000,
        "livemode": False,
        "data": {"object": {"object": "customer", "id": "cus_1", "email": "ada@example.org"}},
    }
    return json.dumps({**event, **changes}).encode()


def send_stripe(relay, body, **options):
    """Post a signed Stripe event."""
    headers = stripe_headers(body, **options)
    return relay.client.post("/webhooks/stripe", content=body, headers=headers)


def send_clerk(relay, body, **options):
    """Post a signed Clerk event."""
    headers = clerk_headers(body, **options)
    return relay.client.post("/webhooks/clerk", content=body, headers=headers)


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
