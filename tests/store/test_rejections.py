"""Counters of refused requests."""

from datetime import timedelta

from include.store.rejections import AGAIN
from include.store.webhooks import hour_of
from tests.store.arrivals import NOW


def refused(store):
    """Sum up what was refused from this minute on."""
    return {(one.provider, one.reason): one.count for one in store.rejections.read(since=NOW)}


def test_counts_of_an_hour_add_up_in_one_row(store):
    """A forger makes numbers grow, not tables."""
    for _ in range(3):
        store.rejections.add({("stripe", "no signature matches"): 5, ("clerk", "body"): 1}, now=NOW)
    store.rejections.add({("clerk", "body"): 1}, now=NOW - timedelta(hours=2))

    assert refused(store) == {
        ("stripe", "no signature matches"): 15,
        ("clerk", "body"): 3,
    }
    rows = store.connection.execute("SELECT count(*) AS count FROM ops.rejections").fetchone()
    assert rows["count"] == 3


def test_what_came_again_is_counted_and_is_no_refusal(store):
    """It was acknowledged: by hour it stands beside the refusals, and nowhere among them."""
    minute = timedelta(minutes=1)
    store.rejections.add({("stripe", "too large"): 1, ("stripe", AGAIN): 4}, now=NOW)
    store.rejections.add({("stripe", "too large"): 2, ("clerk", "body"): 8}, now=NOW + minute)
    store.rejections.add({("stripe", "too large"): 9}, now=NOW - minute)

    assert refused(store) == {("stripe", "too large"): 3, ("clerk", "body"): 8}
    hour = hour_of(NOW)
    assert store.rejections.hours("stripe", since=NOW - 2 * minute, until=NOW + 2 * minute) == {
        "too large": {hour - 1: 9, hour: 3},
        AGAIN: {hour: 4},
    }
