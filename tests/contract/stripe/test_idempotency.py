"""Idempotency keys and authorization, through Stripe's own package."""

import pytest
import stripe


def test_same_key_and_body_have_the_same_answer(checked, stripe_client):
    """A repeated request changes nothing and is answered alike."""
    wish, options = {"email": "ada@example.org"}, {"idempotency_key": "k1"}
    first = stripe_client.v1.customers.create(wish, options)
    second = stripe_client.v1.customers.create(wish, options)

    assert first.id == second.id
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert len(stripe_client.v1.customers.list().data) == 1
    assert [event["type"] for event in checked.events()] == ["customer.created"]


def test_same_key_with_another_body_is_refused(stripe_client):
    """A key belongs to the parameters it was first used with."""
    options = {"idempotency_key": "k1"}
    stripe_client.v1.customers.create({"email": "ada@example.org"}, options)

    with pytest.raises(stripe.IdempotencyError) as refused:
        stripe_client.v1.customers.create({"email": "grace@example.org"}, options)

    assert refused.value.http_status == 400


def test_refused_request_does_not_use_up_its_key(sandbox):
    """Nothing is saved for a request that failed validation."""
    client = stripe.StripeClient("sk_test", base_addresses={"api": f"{sandbox.url}/stripe"})
    options = {"idempotency_key": "k1"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"nonsense": "x"}, options)

    assert client.v1.customers.create({"email": "ada@example.org"}, options).id


def test_rate_limit_is_stripes(sandbox):
    """A 429 becomes the package's own error and is not retried by it."""
    client = stripe.StripeClient(
        "sk_test", base_addresses={"api": f"{sandbox.url}/stripe"}, max_network_retries=2
    )
    body = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow"}}
    sandbox.fault("stripe", "status", status=429, body=body)

    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()

    assert sandbox.count("stripe", "GET", "/v1/customers") == sandbox.fired() == 1
