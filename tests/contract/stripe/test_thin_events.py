"""Thin events, through Stripe's own package: its classes are all that describes them here."""

import orjson
import pytest
from stripe.events import UnknownEventNotification

STORIES = (
    ("payment_failed", {}),
    ("payment_recovered", {}),
    ("refund", {}),
    ("cancel_at_period_end", {}),
    ("resume", {}),
    ("update_member", {"first_name": "A", "tier": "leader"}),
    ("pause", {}),
    ("resume", {}),
    ("renew", {}),
    ("cancel_now", {}),
)


@pytest.fixture
def thin(checked):
    """Have the sandbox's endpoint get thin events, and return a way to read those that came of stories."""
    checked.ask("PATCH", "settings", json={"stripe_payload": "thin"})
    made = checked.act("new_member", email="ada@example.org", first_name="Ada", last_name="L")
    checked.act("dispute", subscription=made["stripe_subscription_id"])
    for story, details in STORIES:
        checked.act(story, email="ada@example.org", **details)
    return lambda: [e for e in checked.events() if e["vendor"] == "stripe" and e["wanted"]]


def test_every_thin_event_is_one_that_the_package_knows(thin, stripe_client):
    """Each is of a class of its own, and its URL leads to the object that it names."""
    for event in thin():
        told = stripe_client.parse_event_notification_without_verification(
            orjson.dumps(event["payload"]).decode()
        )

        assert not isinstance(told, UnknownEventNotification), event["type"]
        assert told.type == event["type"]
        found = told.fetch_related_object()
        assert (found.id, found.object) == (told.related_object.id, told.related_object.type)
        assert told.fetch_event().id == told.id


def test_thin_events_are_listed_newest_first_and_the_snapshots_beside_them(thin, stripe_client):
    """Both lists have every change once; the pages of v2 go on by the URL of the next."""
    made = [event["id"] for event in thin()]

    listed = stripe_client.v2.core.events.list({"limit": 3})
    paid = stripe_client.v2.core.events.list({"types": ["v1.invoice.paid"]})
    snapshots = list(stripe_client.v1.events.list({"limit": 100}).auto_paging_iter())

    assert [event.id for event in listed.auto_paging_iter()] == made[::-1]
    assert {event.type for event in paid.data} == {"v1.invoice.paid"}
    assert len(snapshots) == len(made)
    assert not {event.id for event in snapshots} & set(made)


def test_thin_events_of_a_time(checked, thin, stripe_client):
    """`created` is compared as a text of ISO 8601."""
    since = thin()[0]["payload"]["created"]

    assert stripe_client.v2.core.events.list({"created": {"gte": since}}).data
    assert not stripe_client.v2.core.events.list({"created": {"gte": "2099-01-01T00:00:00Z"}}).data


def test_snapshots_are_made_and_not_sent_where_only_thin_events_are_wanted(
    checked, thin, stripe_client
):
    """Nobody waits for them, so that they count as delivered."""
    undelivered = stripe_client.v1.events.list({"delivery_success": False}).data

    assert undelivered == []


def test_accounts_are_what_the_package_knows(checked, stripe_client):
    """Under Accounts v2 an account pays, and an event about it is of a class of its own."""
    checked.ask("PATCH", "settings", json={"stripe_accounts": True})
    who = {"email": "ada@example.org", "first_name": "Ada", "last_name": "L"}
    checked.act("new_member", **who)
    checked.act("update_member", email=who["email"], first_name="Augusta")

    [subscription] = stripe_client.v1.subscriptions.list().data
    account = stripe_client.v2.core.accounts.retrieve(subscription.customer_account)
    paid = stripe_client.v1.invoices.list({"customer_account": account.id}).data
    events = [event for event in checked.events() if event["type"].startswith("v2.core.account")]

    assert subscription.customer is None
    assert (account.contact_email, account.display_name) == (who["email"], "Augusta L")
    assert len(paid) == 1
    for event in events:
        told = stripe_client.parse_event_notification_without_verification(
            orjson.dumps(event["payload"]).decode()
        )
        assert not isinstance(told, UnknownEventNotification)
        assert told.fetch_related_object().id == account.id
