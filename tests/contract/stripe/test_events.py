"""The events list, through Stripe's own package."""

import pytest


@pytest.fixture
def joined(checked, stripe_client):
    return checked.act("new_member", email="ada@example.org", first_name="Ada", last_name="L")


def test_events_are_listed_newest_first_and_by_type(joined, stripe_client):
    """A new member by checkout makes the events that Stripe makes, in its order."""
    listed = stripe_client.v1.events.list({"limit": 100}).data
    paid = stripe_client.v1.events.list({"types": ["invoice.paid", "customer.created"]}).data
    by_group = stripe_client.v1.events.list({"type": "customer.*"}).data

    assert [event.type for event in reversed(listed)] == [
        "customer.created",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]
    assert [event.type for event in paid] == ["invoice.paid", "customer.created"]
    assert len(by_group) == 2


def test_gap_is_filled_page_by_page(joined, stripe_client):
    """All events since a moment, by the package's own iterator; none before a later one."""
    event = stripe_client.v1.events.list().data[-1]
    since = stripe_client.v1.events.list({"created": {"gte": event.created}, "limit": 2})
    later = stripe_client.v1.events.list({"created": {"gt": event.created + 3600}})

    assert len(list(since.auto_paging_iter())) == 7
    assert later.data == []


def test_undelivered_events_can_be_asked_for(checked, joined, stripe_client, relay):
    """`delivery_success` tells what the relay has taken."""
    relay.next_answers.append(503)
    sent = [event for event in joined["events"] if event.startswith("evt_")][:2]

    checked.ask("POST", "webhooks/send", json={"events": sent})

    delivered = stripe_client.v1.events.list({"delivery_success": True}).data
    assert [event.id for event in delivered] == [sent[1]]
    assert len(stripe_client.v1.events.list({"delivery_success": False}).data) == 6


def test_event_keeps_the_object_as_it_was(checked, joined, stripe_client):
    """An event is a snapshot: a later change does not reach it."""
    created = stripe_client.v1.events.list({"type": "customer.created"}).data[0]

    stripe_client.v1.customers.update(joined["stripe_customer_id"], {"name": "Somebody Else"})

    assert stripe_client.v1.events.retrieve(created.id).data.object.name == "Ada L"
    updated = stripe_client.v1.events.list({"type": "customer.updated"}).data[0]
    assert updated.data.previous_attributes.to_dict() == {"name": "Ada L"}


@pytest.mark.parametrize("shape", ["2026-10-28.endive", "2023-08-16"])
def test_every_story_makes_valid_events_in_both_shapes(checked, shape):
    """Each event fits the description of the version it says it has."""
    checked.ask("PATCH", "settings", json={"stripe_shape": shape})
    who = {"email": "ada@example.org"}
    checked.act("new_member", **who, first_name="Ada", last_name="L", via="stripe_first")
    near = ("payment_failed", "payment_recovered", "refund", "cancel_at_period_end", "resume")
    for story in near:
        checked.act(story, **who)
    checked.act("update_member", **who, first_name="A", tier="leader")
    for story in ("pause", "resume", "renew", "cancel_now", "delete_user", "delete_customer"):
        checked.act(story, **who)

    events = [event for event in checked.events() if event["vendor"] == "stripe"]
    assert {event["payload"]["api_version"] for event in events} == {shape}
    assert {
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.deleted",
        "invoice.payment_failed",
        "customer.deleted",
    } <= {event["type"] for event in events}


@pytest.mark.parametrize("shape", ["2026-10-28.endive", "2023-08-16"])
def test_invoice_names_its_subscription_where_the_version_does(checked, shape):
    """2023: `subscription`. 2026: `parent.subscription_details.subscription`."""
    checked.ask("PATCH", "settings", json={"stripe_shape": shape})
    made = checked.act("new_member", email="a@example.org", first_name="A", last_name="B")

    paid = next(e["payload"] for e in checked.events() if e["type"] == "invoice.paid")
    invoice = paid["data"]["object"]
    if shape == "2023-08-16":
        assert invoice["subscription"] == made["stripe_subscription_id"]
        assert "parent" not in invoice
    else:
        details = invoice["parent"]["subscription_details"]
        assert details["subscription"] == made["stripe_subscription_id"]
        assert "subscription" not in invoice
