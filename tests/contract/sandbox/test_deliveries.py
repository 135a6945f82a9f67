"""Webhooks on the wire: signed so that the vendors' own packages accept them."""

import json

import pytest
import stripe
from svix.webhooks import Webhook


@pytest.fixture
def joined(sandbox):
    return sandbox.act("new_member", email="ada@example.org", first_name="Ada", last_name="L")


def send(sandbox, **wish):
    return sandbox.ask("POST", "webhooks/send", json=wish)


def event_id(received):
    """Return the id that the relay sees in a delivery."""
    return received.headers.get("svix-id") or json.loads(received.body)["id"]


def test_signatures_pass_the_vendors_own_verification(sandbox, relay, joined):
    """Every delivery is accepted by `stripe` and `svix` under the shared secrets."""
    report = send(sandbox, all_unsent=True)

    assert (report["sent"], report["answers"]) == (8, {"200": 8})
    for received in relay.received:
        if received.path == "/webhooks/stripe":
            secret = sandbox.settings.stripe_webhook_secrets[0].get_secret_value()
            header = received.headers["stripe-signature"]
            assert stripe.WebhookSignature.verify_header(
                received.body.decode(), header, secret, tolerance=300
            )
        else:
            assert received.path == "/webhooks/clerk"
            secret = sandbox.settings.clerk_webhook_secrets[0].get_secret_value()
            Webhook(secret).verify(received.body, received.headers)


def test_order_is_kept_and_duplicates_follow(sandbox, relay, joined):
    """In order, one at a time, each with its copies."""
    send(sandbox, events=joined["events"], duplicates=2)

    expected = [event for event in joined["events"] for _ in range(3)]
    assert [event_id(received) for received in relay.received] == expected


def test_shuffled_is_another_order_but_the_same_for_a_seed(sandbox, relay, joined):
    """Shuffled by a seed: nothing lost, nothing added, and repeatable."""
    orders = []
    for _ in range(2):
        relay.received.clear()
        send(sandbox, events=joined["events"], order="shuffled", seed=3, duplicates=1)
        orders.append([event_id(received) for received in relay.received])

    assert orders[0] == orders[1]
    assert sorted(orders[0]) == sorted(joined["events"] * 2)
    assert orders[0] != [event for event in joined["events"] for _ in range(2)]


def test_many_go_out_at_once(sandbox, relay):
    """With concurrency all arrive, each exactly once."""
    for number in range(20):
        who = {"email": f"m{number}@example.org", "first_name": "M", "last_name": "N"}
        sandbox.act("new_member", **who)

    report = send(sandbox, all_unsent=True, concurrency=16)

    assert report["answers"] == {"200": 160}
    assert len({event_id(received) for received in relay.received}) == 160


def test_refused_delivery_stays_unsent(sandbox, relay, joined):
    """Only a 2xx counts as delivered; the next round sends the rest."""
    relay.next_answers.extend([503, 400])

    first = send(sandbox, all_unsent=True)
    second = send(sandbox, all_unsent=True)

    assert first["answers"] == {"503": 1, "400": 1, "200": 6}
    assert (second["sent"], second["answers"]) == (2, {"200": 2})


def test_auto_delivery_repeats_until_accepted(sandbox, relay):
    """Switched on, each event goes out by itself, again and again until a 2xx, with the same id."""
    sandbox.ask("PATCH", "settings", json={"auto_deliver": True})
    relay.next_answers.extend([503])

    sandbox.act("mailchimp_address", email="x@example.org", becomes="none")
    made = sandbox.act("new_member", email="ada@example.org", first_name="A", last_name="L")
    received = relay.wait_for(9)

    assert len(made["events"]) == 8
    assert {event_id(delivery) for delivery in received} == set(made["events"])


def test_event_by_hand_goes_out_byte_for_byte(sandbox, relay):
    """A test may send any body under a good signature: malformed JSON too."""
    body = '{"id": "evt_hand",  "broken": '
    delivery = {"vendor": "stripe", "body": body, "id": "evt_hand"}

    made = sandbox.ask("POST", "webhooks", json={"deliveries": [delivery]})
    send(sandbox, events=made["events"])

    assert relay.received[0].body == body.encode()
    assert sandbox.violations() == []
