"""What came by webhook, counted by provider and type."""

from datetime import timedelta

from include.routing import UNKNOWN
from include.store.inbox import State
from include.store.webhooks import Unrouted
from tests.store.arrivals import NOW, receive

IGNORED = {"job": None, "state": State.IGNORED, "reason": UNKNOWN.reason}


def test_types_that_no_job_takes_are_counted(store):
    """The most frequent first; not those that start a job, nor those of which somebody said why, nor old ones."""
    receive(store, "evt_1", "evt_2", type="v1.customer.subscription.past_due", **IGNORED)
    receive(store, "evt_3", type="payout.paid", **IGNORED)
    receive(store, "evt_4", type="customer.updated")
    receive(store, "evt_5", type="invoice.upcoming", **{**IGNORED, "reason": "an announcement"})
    receive(store, "evt_6", type="payout.paid", received_at=NOW - timedelta(days=2), **IGNORED)

    found = store.webhooks.unrouted(since=NOW - timedelta(days=1))

    assert found == [
        Unrouted(provider="stripe", type="v1.customer.subscription.past_due", count=2),
        Unrouted(provider="stripe", type="payout.paid", count=1),
    ]
