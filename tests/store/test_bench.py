"""What `./ops bench` reads from and writes to the database."""

from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from include.clock import SystemClock
from include.lab.bench import plain, search
from include.lab.bench.enrolment import enrol_at_platform
from include.lab.bench.errors import BenchError
from include.lab.bench.plain_sleepers import ENDED
from include.lab.bench.product import Product
from include.lab.bench.product_sleepers import ProductSleepers
from include.lab.bench.sandbox import BenchMember
from include.lab.stack.stack import Stack
from include.membership.ends import End, EndReason
from include.routing import DEACTIVATION as DAG_ID
from include.store.inbox import InboxState
from tests.store.arrivals import NOW, receive


@pytest.fixture
def product(database):
    """Give the product as a contender, over the test's database."""
    with closing(Product(Stack(other_database_url=database))) as contender:
        yield contender


def test_only_rows_since_the_mark_count(product, store):
    """A stack that has worked before shows none of it in a figure."""
    receive(store, "evt_old", state=InboxState.PROCESSED)
    mark = product.mark()
    receive(store, "evt_new", state=InboxState.PROCESSED)
    receive(store, "evt_waiting")

    assert product.progress(mark).done == 1
    assert product.progress(mark).failed == 0


@pytest.mark.parametrize(
    "state", [InboxState.SUPERSEDED, InboxState.IGNORED, InboxState.FAILED, InboxState.DEAD]
)
def test_every_other_end_is_a_failure(product, store, state):
    """All that the bench sends must be processed: anything else would be fast for nothing."""
    mark = product.mark()
    receive(store, "evt_1", state=state, reason="why")

    progress = product.progress(mark)

    assert (progress.done, progress.failed, progress.reason) == (0, 1, f"{state}: why")


def a_member():
    """Make somebody whom the vendors know."""
    return BenchMember(
        email="ada@example.org",
        first_name="Ada",
        last_name="Lovelace",
        tier="pro",
        clerk_user_id="user_1",
        stripe_customer_id="cus_1",
        stripe_subscription_id="sub_1",
    )


def test_enrolled_members_are_active_and_were_welcome(database, store):
    """Known members: a change of theirs must not start the welcome of a first membership."""
    enrol_at_platform(database, [a_member()])

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


# --- sleepers ---


@pytest.fixture
def sleepers(product, database, store):
    """Give the product's sleepers, over the test's database; Airflow's table of runs is in it too."""
    store.connection.execute("CREATE TABLE dag_run (dag_id text, run_id text)")
    stack = Stack(other_database_url=database, other_airflow_database_url=database)
    with closing(ProductSleepers(product, stack, None)) as them:
        yield them


def test_sleepers_end_at_moments_of_the_next_year(sleepers, store):
    """Each at its own, none while something is measured; the relay finds them pending."""
    sleepers.enrol(50)
    sleepers.plan()

    rows = store.deactivations.read_open()
    tomorrow = SystemClock().now() + timedelta(hours=23)
    assert len({row.deactivate_at for row in rows}) == len(rows) == 50
    assert all(tomorrow < row.deactivate_at < tomorrow + timedelta(days=366) for row in rows)
    assert {row.state for row in rows} == {"pending"}
    assert sleepers.asleep() == 0


def test_who_has_a_run_sleeps(sleepers, store):
    """Others' rows do not count."""
    sleepers.enrol(2)
    sleepers.plan()
    mine, *_ = store.deactivations.read_open()
    other = End(vendor_at=NOW, deactivate_at=NOW, reason=EndReason.PERIOD_END)
    others = store.deactivations.open(mine.member_id, "sub_other", other, inbox_id=None, now=NOW)
    for row in (mine, others):
        store.deactivations.scheduled(row, now=NOW)

    assert sleepers.asleep() == 1


def test_nothing_is_left_of_the_sleepers(sleepers, store):
    """Rows, members and runs; what is not theirs stays."""
    sleepers.enrol(2)
    sleepers.plan()
    rows = store.deactivations.read_open()
    store.deactivations.scheduled(rows[0], now=NOW)
    runs = [(DAG_ID, rows[0].next_run_id), (DAG_ID, "deactivation.999.1"), ("mailchimp_sync", "x")]
    for run in runs:
        store.connection.execute("INSERT INTO dag_run VALUES (%s, %s)", run)

    sleepers.clear()

    assert store.deactivations.read_open() == []
    assert count(store, "public.users") == count(store, "public.memberships") == 0
    assert count(store, "dag_run") == 2


def test_end_counts_when_the_membership_is_closed_too(sleepers, store, database):
    """A row that says done beside a membership that is not would be no end."""
    member = a_member()
    enrol_at_platform(database, [member])
    [user] = store.connection.execute("SELECT id FROM public.users").fetchall()
    end = End(vendor_at=NOW, deactivate_at=NOW, reason=EndReason.CANCEL_AT)
    store.deactivations.open(user["id"], "sub_1", end, inbox_id=None, now=NOW)
    later = NOW + timedelta(seconds=2)
    store.connection.execute(
        "UPDATE ops.deactivations SET state = 'done', applied_at = %s, finished_at = %s",
        [NOW, later],
    )

    before = sleepers.ended([member])
    store.connection.execute("UPDATE public.memberships SET status = 'canceled'")

    assert before == []
    assert [(one.closed_at, one.done_at) for one in sleepers.ended([member])] == [(NOW, later)]


def test_the_baselines_end_counts_when_it_is_written_down(database):
    """Closed and recorded, in its own tables."""
    enrol_at_platform(database, [a_member()])
    with psycopg.connect(database) as connection:
        connection.execute((plain.HERE / "plain.sql").read_bytes())
        connection.execute(
            "UPDATE public.memberships SET status = 'canceled', updated_at = %s", [NOW]
        )
        before = connection.execute(ENDED, (["sub_1"],)).fetchall()
        connection.execute(
            "INSERT INTO public.audit_log (target, action, at) VALUES ('sub_1', 'member:deactivated', %s)",
            [NOW],
        )

        assert before == []
        assert connection.execute(ENDED, (["sub_1"],)).fetchall() == [(NOW, NOW)]


def count(store, table):
    """Count a table's rows."""
    return store.connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"]  # noqa: S608


def test_search_finds_what_there_is_and_times_each_kind(database):
    """A small community in the place of the large one: each search leads somewhere, and only the stranger's nowhere."""
    search.fill(database, events=200, members=120)

    found = search.measure(database, seed=1, count=14, events=200, members=120)

    assert sorted(one.kind for one in found) == sorted([*search.HANDLES] * 2)
    assert all(0 < one.found <= one.shown for one in found)
    figures = search.figures(found)
    assert figures["member_p95"] <= figures["p95_of_the_slowest_kind"]
    assert figures["p50"] <= figures["p95"]


def test_search_that_finds_nothing_is_no_figure(database):
    """It would be fast for nothing."""
    with pytest.raises(BenchError, match="was not found"):
        search.measure(database, seed=1, count=7)
