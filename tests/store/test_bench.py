"""What `./ops bench` reads from and writes to the database."""

from contextlib import closing

import psycopg
import pytest

from include.bench import plain
from include.bench.cast import enrol
from include.bench.product import Product
from include.bench.sandbox import Member
from include.stack.stack import Stack
from include.store.inbox import State
from tests.store.arrivals import NOW, receive


@pytest.fixture
def product(database):
    """Give the product as a contender, over the test's database."""
    with closing(Product(Stack(other_database_url=database))) as contender:
        yield contender


def test_only_rows_since_the_mark_count(product, store):
    """A stack that has worked before shows none of it in a figure."""
    receive(store, "evt_old", state=State.PROCESSED)
    mark = product.mark()
    receive(store, "evt_new", state=State.PROCESSED)
    receive(store, "evt_waiting")

    assert product.progress(mark).done == 1
    assert product.progress(mark).failed == 0


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.IGNORED, State.FAILED, State.DEAD])
def test_every_other_end_is_a_failure(product, store, state):
    """All that the bench sends must be processed: anything else would be fast for nothing."""
    mark = product.mark()
    receive(store, "evt_1", state=state, reason="why")

    progress = product.progress(mark)

    assert (progress.done, progress.failed, progress.reason) == (0, 1, f"{state}: why")


def test_enrolled_members_are_active_and_were_welcome(database, store):
    """Known members: a change of theirs must not start the welcome of a first membership."""
    member = Member(
        email="ada@example.org",
        first_name="Ada",
        last_name="Lovelace",
        tier="pro",
        clerk_user_id="user_1",
        stripe_customer_id="cus_1",
        stripe_subscription_id="sub_1",
    )

    enrol(database, [member])

    row = store.connection.execute(
        "SELECT email, status, tier, stripe_subscription_id, first_active_at IS NOT NULL AS known"
        " FROM public.users JOIN public.memberships ON user_id = users.id"
    ).fetchone()
    assert row == {
        "email": "ada@example.org",
        "status": "active",
        "tier": "pro",
        "stripe_subscription_id": "sub_1",
        "known": True,
    }


def test_the_baseline_counts_its_processed_events(database):
    """Its own table, its own mark: the same measure as the product's."""
    with psycopg.connect(database) as connection:
        connection.execute((plain.HERE / "plain.sql").read_bytes())
        insert = "INSERT INTO public.processed_events (event_id, processed_at) VALUES (%s, %s)"
        connection.execute(insert, ("evt_old", NOW))
        mark = connection.execute(plain.MARK).fetchone()[0]
        connection.execute(insert, ("evt_new", NOW))

        assert connection.execute(plain.DONE, (mark,)).fetchone() == (1,)
