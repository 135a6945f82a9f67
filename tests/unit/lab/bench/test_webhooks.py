import json
from datetime import UTC, datetime

import pytest
import stripe
from svix.webhooks import Webhook as Svix

from include.clock import SystemClock
from include.lab.bench.webhooks import SigningSecrets, signed_request, without_a_job
from include.routing import route_of

SECRETS = SigningSecrets(stripe="whsec_stripe", clerk="whsec_c2FuZGJveC1jbGVyay1zZWNyZXQtMDAwMQ==")


def parts(request):
    """Take a request apart: its first line, its headers, its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.lower().split(": ", 1) for line in lines), body


@pytest.mark.parametrize("number", [0, 1])
def test_the_length_is_that_of_the_body(number):
    """A wrong length would make the next request on the connection unreadable."""
    now = SystemClock().now()

    _, headers, body = parts(signed_request(without_a_job(number, now), SECRETS, now))

    assert int(headers["content-length"]) == len(body)


def test_stripes_package_accepts_the_signature():
    """The relay must do the work of a real webhook: one that is refused costs less."""
    now = SystemClock().now()
    first, _, body = parts(request := signed_request(without_a_job(1, now), SECRETS, now))
    header = next(
        line for line in request.decode().split("\r\n") if line.startswith("Stripe-Signature: ")
    )

    assert first == "POST /webhooks/stripe HTTP/1.1"
    assert stripe.WebhookSignature.verify_header(
        body.decode(), header.partition(": ")[2], SECRETS.stripe, tolerance=300
    )


def test_svix_accepts_clerks_signature():
    """The same for Clerk."""
    now = SystemClock().now()
    webhook = without_a_job(0, now)
    request = signed_request(webhook, SECRETS, now)
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]

    Svix(SECRETS.clerk).verify(webhook.body, dict(line.split(": ", 1) for line in lines))

    assert request.startswith(b"POST /webhooks/clerk HTTP/1.1\r\n")


@pytest.mark.parametrize("number", [0, 1])
def test_what_measures_intake_starts_no_job(number):
    """`ingest` measures verifying and storing; jobs beside it would be another figure."""
    webhook = without_a_job(number, datetime(2026, 1, 1, tzinfo=UTC))

    assert route_of(webhook.provider, json.loads(webhook.body)["type"]).job is None


def test_every_webhook_is_new():
    """A duplicate is answered sooner than an event that must be stored."""
    now = SystemClock().now()

    ids = {without_a_job(number, now).event_id for number in range(1000)}

    assert len(ids) == 1000
