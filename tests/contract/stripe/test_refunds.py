"""Charges that are paid back: which invoice they had paid is read with `expand`."""

import json
from dataclasses import replace

import pytest

from include.events import event_from
from include.vendors.stripe.client import Stripe
from tests import contracts


@pytest.fixture
def client(checked):
    """Give our client of Stripe."""
    return Stripe("sk_test_x", base_url=f"{checked.url}/stripe", timeout_seconds=5)


def refunded(sandbox, email="ada@example.org"):
    """Pay a member's newest invoice back, and return the event's payload."""
    sandbox.act("refund", email=email)
    return sandbox.events()[-1]["payload"]


@pytest.fixture
def joined(checked):
    """Let somebody become a member, and return what the vendors call her."""
    return checked.act("new_member", email="ada@example.org", first_name="A", last_name="L")


def charge_of(client, payload):
    event = event_from(provider="stripe", event_id=payload["id"], body=json.dumps(payload).encode())
    return client.read_charge(event.subject.charge_id)


@pytest.mark.parametrize("shape", ["2026-10-28.endive", "2023-08-16"])
def test_charge_leads_to_the_period_it_paid(checked, joined, client, shape):
    """Accounts of either version: the customer's invoices know what paid them."""
    checked.ask("PATCH", "settings", json={"stripe_shape": shape})
    charge = charge_of(client, refunded(checked))

    period = client.find_paid_period(charge)

    state = client.read_subscription(joined["stripe_subscription_id"])
    assert charge.is_full
    assert period.is_base
    assert period.subscription_id == joined["stripe_subscription_id"]
    assert period.paid_until == state.current_period_end


def test_older_period_is_told_apart(checked, joined, client):
    """What was paid back is the period of that invoice, not the running one."""
    charge = charge_of(client, refunded(checked))
    before = client.find_paid_period(charge)

    checked.act("renew", email="ada@example.org")

    assert client.find_paid_period(charge) == before
    state = client.read_subscription(joined["stripe_subscription_id"])
    assert before.paid_until < state.current_period_end


def test_charge_of_something_else_leads_nowhere(checked, joined, client):
    """A ticket, a gift: no invoice of hers was paid by it."""
    charge = charge_of(client, refunded(checked))
    ticket = replace(charge, payment_ids=frozenset({"ch_ticket", "pi_ticket"}))

    assert client.find_paid_period(ticket) is None


@pytest.mark.parametrize(
    "path", contracts.examples("stripe/resources/charge.json"), ids=contracts.name_of
)
def test_charge_looks_like_the_recorded_one(path, checked, joined):
    """Our cut of the description has no charges: the example says which fields there are."""
    example = contracts.load(path)

    charge = refunded(checked)["data"]["object"]

    assert set(charge) <= set(example)
    assert {"id", "object", "customer", "payment_intent", "refunded"} <= set(charge)
