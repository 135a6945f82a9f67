"""Builders of what intake hands to the inbox."""

from datetime import UTC, datetime
from hashlib import sha256

from include.store.inbox import Arrival, InboxState

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def make_arrival(event_id="evt_1", *, body=b"{}", **changes):
    """Build a Stripe event that waits for `mailchimp_sync`, with these changes."""
    values = {
        "provider": "stripe",
        "mode": "test",
        "event_id": event_id,
        "type": "customer.updated",
        "api_version": None,
        "created_at": NOW,
        "received_at": NOW,
        "headers": "{}",
        "body": body,
        "body_sha256": sha256(body).digest(),
        "member_key": "stripe:cus_1",
        "job": "mailchimp_sync",
        "state": InboxState.WAITING,
        "reason": None,
    }
    return Arrival(**{**values, **changes})


def receive(store, *event_ids, **changes):
    """Store these events, and return their rows' ids."""
    store.inbox.receive([make_arrival(event_id, **changes) for event_id in event_ids])
    return [store.inbox.by_event_id(event_id)[0].id for event_id in event_ids]
