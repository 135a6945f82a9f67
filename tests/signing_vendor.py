"""A vendor that signs with each of its secrets and sends all the time, while a test changes what may be changed.

Each event is about somebody else, whom no vendor knows: nothing comes of it, and no run waits for another.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlencode

import httpx

from tests.relay_process import stripe_event

USER = {
    "object": "user", "email_addresses": [], "primary_email_address_id": None, "created_at": 1, "updated_at": 1,
}  # fmt: skip
PRESS = {"type": "block_actions", "user": {"id": "U0ADA"}, "actions": [{"value": ""}]}
THREADS = 2


class Vendor:
    """Sends by what `sender()` gives to each of its threads: it takes (client, path, body, headers)."""

    def __init__(self, kind, secrets, sender, *, pause=0.005):
        self.kind, self.secrets = kind, secrets
        self.sent, self.refused = [], []
        self._sender, self._pause = sender, pause
        self._numbers = count(1)
        self._over = threading.Event()

    @contextmanager
    def sending(self):
        """Send from two threads while the block runs."""
        self._over.clear()
        threads = [threading.Thread(target=self._send_all) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(timeout=30)

    def wait_for(self, more):
        """Return when so many more have been sent."""
        wanted, deadline = len(self.sent) + more, time.monotonic() + 60
        while len(self.sent) < wanted:
            assert time.monotonic() < deadline, "nothing is sent any more"
            time.sleep(0.01)

    def _send_all(self):
        send = self._sender()
        with httpx.Client(timeout=20, limits=httpx.Limits(max_keepalive_connections=0)) as client:
            while not self._over.is_set():
                event_id = f"evt_{self.kind}_{next(self._numbers)}"
                body, headers = self.signed(event_id)
                status = send(client, f"/webhooks/{self.kind}", body, headers)
                self.sent.append(event_id)
                if status != httpx.codes.OK:
                    self.refused.append((event_id, status))
                time.sleep(self._pause)

    def signed(self, event_id):
        """Return an event and its headers, with a signature by each secret."""
        return getattr(self, f"_signed_by_{self.kind}")(event_id, int(time.time()))

    def _signed_by_stripe(self, event_id, now):
        customer = {"object": "customer", "id": f"cus_{event_id}", "email": "ada@example.org"}
        body = stripe_event(event_id, data={"object": customer})
        made = [
            hmac.new(one.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
            for one in self.secrets
        ]
        signature = ",".join([f"t={now}", *(f"v1={one}" for one in made)])
        return body, {"stripe-signature": signature}

    def _signed_by_clerk(self, event_id, now):
        user = {**USER, "id": f"user_{event_id}"}
        body = json.dumps({"type": "user.updated", "object": "event", "data": user}).encode()
        keys = [base64.b64decode(one.removeprefix("whsec_")) for one in self.secrets]
        text = f"{event_id}.{now}.".encode() + body
        made = [base64.b64encode(hmac.digest(key, text, "sha256")).decode() for key in keys]
        signature = " ".join(f"v1,{one}" for one in made)
        return body, {"svix-id": event_id, "svix-timestamp": str(now), "svix-signature": signature}

    def _signed_by_slack(self, _event_id, now):
        """Sign a press of a button as Slack does, with the only secret that it has."""
        [secret] = self.secrets
        body = urlencode({"payload": json.dumps(PRESS)}).encode()
        signature = hmac.digest(secret.encode(), b"v0:%d:%s" % (now, body), "sha256").hex()
        return body, {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": str(now),
            "x-slack-signature": f"v0={signature}",
        }
