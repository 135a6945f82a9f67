"""At most so many runs a minute for one member (C6)."""

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from include.store.throttle import within_limit
from tests.store.arrivals import NOW, make_arrival
from tests.store.test_dispatches import claim

keys = st.sampled_from([None, "stripe:a", "stripe:b"])


@given(st.lists(keys, max_size=30), st.dictionaries(keys, st.integers(0, 10)), st.integers(1, 8))
def test_no_member_gets_more_than_the_limit(member_keys, taken, limit):
    """Each gets the first of its rows, as many as fit; what has no member has no limit."""
    rows = [{"id": number, "member_key": key} for number, key in enumerate(member_keys)]

    admitted = within_limit(rows, taken, per_minute=limit)

    for key in ("stripe:a", "stripe:b"):
        own = [row for row in rows if row["member_key"] == key]
        assert [row for row in admitted if row["member_key"] == key] == own[
            : max(0, limit - taken.get(key, 0))
        ]
    assert Counter(member_keys)[None] == sum(row["member_key"] is None for row in admitted)


def test_the_surplus_is_spread_over_the_minutes_to_come(store):
    """So that it is not looked at again at each claim."""
    store.inbox.receive([make_arrival(f"evt_{number:02}") for number in range(7)])

    claim(store, member_limit=2)

    dues = store.connection.execute(
        "SELECT due_at FROM ops.inbox WHERE state = 'waiting' ORDER BY id"
    )
    minutes = [(row["due_at"] - NOW) / timedelta(minutes=1) for row in dues.fetchall()]
    assert minutes == [1, 1, 2, 2, 3]


def test_the_limit_is_of_any_minute_not_of_a_clocks(store):
    """Two rows at 0:59 and two at 1:01 would be four within two seconds."""
    store.inbox.receive([make_arrival("evt_1"), make_arrival("evt_2")])
    claim(store, member_limit=2)
    store.inbox.receive([make_arrival("evt_3")])

    assert claim(store, member_limit=2, now=NOW + timedelta(seconds=59)) is None
    assert claim(store, member_limit=2, now=NOW + timedelta(seconds=119)) is not None
