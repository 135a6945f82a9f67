"""Signatures that the vendors' own packages accept, and refuse when anything is changed."""

import time

import pytest
import stripe
from svix.webhooks import Webhook, WebhookVerificationError

from include.lab.sandbox.clerk import webhooks as clerk
from include.lab.sandbox.stripe import webhooks as stripe_webhooks

BODY = '{"id": "evt_1", "name": "Zoë \\u00e9"}'.encode()
STRIPE_SECRET = "whsec_test"
SVIX_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def now():
    return int(time.time())


def test_stripe_accepts():
    """`stripe` accepts the header over exactly these bytes."""
    signed = stripe_webhooks.headers("evt_1", BODY, [STRIPE_SECRET], now())

    assert stripe.WebhookSignature.verify_header(
        BODY.decode(), signed["stripe-signature"], STRIPE_SECRET, tolerance=300
    )


@pytest.mark.parametrize(
    ("body", "secret", "age"),
    [(BODY + b" ", STRIPE_SECRET, 0), (BODY, "whsec_other", 0), (BODY, STRIPE_SECRET, 301)],
)
def test_stripe_refuses_what_is_changed(body, secret, age):
    """Another body, another secret, an old stamp: refused."""
    signed = stripe_webhooks.headers("evt_1", BODY, [STRIPE_SECRET], now() - age)

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(
            body.decode(), signed["stripe-signature"], secret, tolerance=300
        )


def test_svix_accepts():
    """`svix` accepts the three headers over exactly these bytes."""
    Webhook(SVIX_SECRET).verify(BODY, clerk.headers("msg_1", BODY, [SVIX_SECRET], now()))


def test_while_a_secret_is_rotated_both_sign():
    """As the vendors do it, so that who knows the old one or the new one accepts the delivery."""
    old, new = "whsec_old", "whsec_new"
    signed = stripe_webhooks.headers("evt_1", BODY, [old, new], now())
    for secret in (old, new):
        assert stripe.WebhookSignature.verify_header(
            BODY.decode(), signed["stripe-signature"], secret, tolerance=300
        )

    other = "whsec_" + "A" * 32
    signed = clerk.headers("msg_1", BODY, [other, SVIX_SECRET], now())
    for secret in (other, SVIX_SECRET):
        Webhook(secret).verify(BODY, signed)


@pytest.mark.parametrize(
    "change",
    [{"svix-id": "msg_2"}, {"svix-timestamp": "1700000000"}, {"svix-signature": "v1,AAAA"}],
)
def test_svix_refuses_what_is_changed(change):
    """Another id, stamp or signature: refused."""
    signed = {**clerk.headers("msg_1", BODY, [SVIX_SECRET], now()), **change}

    with pytest.raises(WebhookVerificationError):
        Webhook(SVIX_SECRET).verify(BODY, signed)
