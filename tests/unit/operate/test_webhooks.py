"""What `./ops send` signs is what the vendors' own packages accept."""

import time
from datetime import UTC, datetime

import pytest
import stripe
from svix.webhooks import Webhook, WebhookVerificationError

from include.errors import CommandError
from include.lab.stack.stack import Stack
from include.operate.webhooks import event_from, fresh_event_id, sign

BODIES = [b'{"id":"evt_1"}', '{ "na\\u00efve": "Zoë"}\n'.encode(), b'{"a":1}' + b" " * 1000]


def now() -> datetime:
    """Return the machine's time, which the packages ask as well: they refuse what was signed 300 seconds ago."""
    return datetime.fromtimestamp(time.time(), UTC)


@pytest.mark.parametrize("body", BODIES)
def test_stripes_package_accepts_it(body):
    """Signed over the raw bytes."""
    secret = Stack().stripe_webhook_secret
    request = sign("stripe", body, secret=secret, event_id="evt_1", now=now())

    assert stripe.WebhookSignature.verify_header(
        body.decode(), request.headers["Stripe-Signature"], secret, tolerance=300
    )


@pytest.mark.parametrize("body", BODIES)
def test_svix_accepts_it(body):
    """Clerk's deliveries are Svix's."""
    secret = Stack().clerk_webhook_secret
    request = sign("clerk", body, secret=secret, event_id="msg_1", now=now())

    Webhook(secret).verify(body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(Stack().clerk_webhook_secret).verify(body, request.headers)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"7", b"\xff\xfe\x00", b"[" * 100_000])
def test_file_that_is_no_event_is_refused(raw):
    """Before anything is sent."""
    with pytest.raises(CommandError, match="this is not"):
        event_from(raw)


def test_event_ids_are_new_and_look_like_the_vendors():
    """Each copy is an event of its own."""
    assert fresh_event_id("stripe").startswith("evt_")
    assert fresh_event_id("clerk").startswith("msg_")
    assert fresh_event_id("stripe") != fresh_event_id("stripe")
