"""Counters of refused requests."""

from datetime import timedelta

from tests.store.arrivals import NOW


def test_counts_of_an_hour_add_up_in_one_row(store):
    """A forger makes numbers grow, not tables."""
    for _ in range(3):
        store.rejections.add({("stripe", "no signature matches"): 5, ("clerk", "body"): 1}, now=NOW)
    store.rejections.add({("clerk", "body"): 1}, now=NOW - timedelta(hours=2))

    assert store.rejections.since(NOW) == {
        ("stripe", "no signature matches"): 15,
        ("clerk", "body"): 3,
    }
    rows = store.connection.execute("SELECT count(*) AS count FROM ops.rejections").fetchone()
    assert rows["count"] == 3
