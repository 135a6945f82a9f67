"""What came by webhook, counted by provider and type."""

from dataclasses import replace
from datetime import timedelta

from include.routing import UNKNOWN
from include.store.inbox import FILLED_BY, InboxState
from include.store.webhooks import Hour, Silence, Unrouted, hour_of, moment_of
from tests.store.arrivals import NOW, receive

IGNORED = {"job": None, "state": InboxState.IGNORED, "reason": UNKNOWN.reason}


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


def test_hours_count_what_was_delivered_and_starts_a_job(store):
    """By type, a thin event as its snapshot, and of any; acts are minutes. Not what is filled in, or nobody takes."""
    minute, updated = timedelta(minutes=1), "customer.updated"
    receive(store, "evt_1", "evt_2", type=updated)
    receive(store, "evt_3", type="v1.customer.updated", received_at=NOW + minute)
    receive(store, "evt_4", type="invoice.paid", received_at=NOW + 6 * minute)
    receive(store, "evt_5", type=updated, received_at=NOW - 60 * minute, mode="live")
    receive(store, "evt_6", type=updated, headers=f'{{"{FILLED_BY}": "reconciliation"}}')
    receive(store, "evt_7", type="payout.paid", **IGNORED)
    receive(store, "msg_1", type="user.created", provider="clerk")
    receive(store, "evt_8", type=updated, received_at=NOW + 60 * minute)
    hour, span = hour_of(NOW), {"since": NOW - 60 * minute, "until": NOW + 60 * minute}

    found = store.webhooks.hours("stripe", **span)

    assert found[updated] == {
        hour - 1: Hour(acts=1, count=1, late=0),
        hour: Hour(acts=2, count=3, late=0),
    }
    assert found["invoice.paid"] == {hour: Hour(acts=1, count=1, late=1)}
    assert found[None][hour] == Hour(acts=3, count=4, late=1)
    assert found.keys() == {updated, "invoice.paid", None}
    assert [*store.webhooks.hours("stripe", mode="live", **span)[None]] == [hour - 1]
    assert moment_of(hour) == NOW


def test_cause_explains_until_it_ends(store):
    """While it goes on, until now; then until its end; those that explain nothing are left out."""
    minute = timedelta(minutes=1)

    def explained(*but, now=NOW + 9 * minute):
        return store.webhooks.explained_until("stripe", but=but, now=now)

    assert explained() is None
    for cause, provider in (
        ("redirected", "stripe"),
        ("not_found", "stripe"),
        ("not_sent", "clerk"),
    ):
        one = Silence(provider=provider, cause=cause, since=NOW, words="", to_do="")
        store.webhooks.keep(one, now=NOW)
    assert explained() == NOW + 9 * minute
    store.webhooks.end("stripe", ["redirected"], now=NOW + 2 * minute)
    assert explained("not_found") == NOW + 2 * minute
    assert explained("not_found", "redirected") is None


def test_what_is_missing_is_said_in_words():
    """In the same words in every place; nothing where nothing is."""
    silence = Silence(provider="stripe", cause="not_sent", since=NOW, words="", to_do="")

    assert silence.lost is None
    assert (
        replace(silence, missing=1).lost
        == "1 event did not come, and was read from the vendor's list"
    )
    assert replace(silence, missing=1200).lost.startswith("1,200 events did not come, and were")
