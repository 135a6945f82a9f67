"""The inbox: each event once, for ever, with its raw bytes."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from include.store import Store
from include.store.inbox import InboxState, Receipt
from tests.store.arrivals import NOW, make_arrival, receive


def conflicts(store):
    return store.connection.execute("SELECT * FROM ops.inbox_conflicts").fetchall()


def test_an_event_is_kept_as_it_came(store):
    """I1: the row holds the identical raw bytes, whatever they are."""
    body = b'{"id": "evt_1",  "x": "\xc3\xa9"}\x00\xff'

    receipts = store.inbox.receive([make_arrival(body=body)])

    assert receipts == [Receipt.STORED]
    [row] = store.inbox.by_event_id("evt_1")
    assert (row.body, row.state, row.due_at) == (body, InboxState.WAITING, NOW)


def test_a_second_delivery_changes_nothing(store):
    """Vendors deliver at least once."""
    store.inbox.receive([make_arrival()])

    assert store.inbox.receive([make_arrival()]) == [Receipt.DUPLICATE]

    assert store.inbox.counts() == {InboxState.WAITING: 1}


def test_copies_in_one_group_are_one_row(store):
    """A11: the same event 100 times at once."""
    receipts = store.inbox.receive([make_arrival()] * 100)

    assert receipts == [Receipt.STORED] + [Receipt.DUPLICATE] * 99
    assert store.inbox.counts() == {InboxState.WAITING: 1}


def test_copies_from_several_relays_are_one_row(database):
    """A11 with several relays: one stores it, the others see that."""

    def deliver(_):
        store = Store.connect(database)
        try:
            with store.transaction():
                return store.inbox.receive([make_arrival(f"evt_{n}") for n in range(20)])
        finally:
            store.close()

    with ThreadPoolExecutor(5) as pool:
        receipts = sorted(receipt for group in pool.map(deliver, range(5)) for receipt in group)

    assert receipts == [Receipt.DUPLICATE] * 80 + [Receipt.STORED] * 20


def test_another_body_is_kept_aside_and_the_first_wins(store):
    """A13: same id, other body; the second delivery of that other body is counted."""
    store.inbox.receive([make_arrival(body=b"first")])

    receipts = store.inbox.receive(
        [make_arrival(body=b"second"), make_arrival(body=b"first"), make_arrival(body=b"second")]
    )

    assert receipts == [Receipt.CONFLICT, Receipt.DUPLICATE, Receipt.CONFLICT]
    assert store.inbox.by_event_id("evt_1")[0].body == b"first"
    [conflict] = conflicts(store)
    assert (conflict["body"], conflict["deliveries"]) == (b"second", 2)


def test_providers_and_modes_are_kept_apart(store):
    """A15: an id is unique within a provider and a mode only."""
    receipts = store.inbox.receive(
        [
            make_arrival(),
            make_arrival(mode="live"),
            make_arrival(provider="clerk"),
            make_arrival(provider="clerk", mode="live"),
        ]
    )

    assert receipts == [Receipt.STORED] * 4


def test_a_duplicate_stays_one_after_its_end_and_its_retention(store):
    """A12: months later, with the body emptied, the event is still known."""
    [row_id] = receive(store, "evt_1")
    store.connection.execute("UPDATE ops.inbox SET state = 'processed', due_at = NULL, body = NULL")

    assert store.inbox.receive([make_arrival()]) == [Receipt.DUPLICATE]

    assert store.inbox.rows([row_id])[0].state == InboxState.PROCESSED


def test_a_value_that_postgres_refuses_stores_nothing_of_its_group(store):
    """The group is one statement; intake then stores its rows one by one."""
    with pytest.raises(psycopg.DataError):
        store.inbox.receive([make_arrival("evt_good"), make_arrival(type="a\0b")])

    assert store.inbox.counts() == {}


def test_only_rows_that_a_run_holds_can_end(store):
    """A task that is rerun does not change what has ended."""
    [held, ended] = receive(store, "evt_1", "evt_2")
    store.connection.execute("UPDATE ops.inbox SET state = 'dispatched' WHERE id = %s", [held])

    assert store.inbox.fail([held, ended], reason="no such list", now=NOW) == [held]

    [row] = store.inbox.rows([held])
    assert (row.state, row.reason, row.finished_at) == (InboxState.FAILED, "no such list", NOW)


@pytest.mark.parametrize("state", [InboxState.WAITING, InboxState.DISPATCHED])
def test_waiting_is_no_end(store, state):
    with pytest.raises(ValueError, match="is no end"):
        store.inbox.finish([1], state=state, now=NOW)


def test_what_waits_is_told(store):
    """`/readyz` and `status` show how much waits and since when."""
    receive(store, "evt_1", "evt_2")
    receive(store, "evt_3", state=InboxState.IGNORED, job=None)

    assert (store.inbox.waiting().count, store.inbox.waiting().since) == (2, NOW)
    assert store.inbox.next_due("mailchimp_sync") == NOW


def test_a_stored_event_rings_when_it_is_committed_and_waits(store, database):
    """The dispatcher is told by the transaction that stores the row, and by no duplicate."""
    listener = psycopg.connect(database, autocommit=True)
    listener.execute("LISTEN ops_inbox")

    receive(store, "evt_1", "evt_1")
    receive(store, "evt_2", state=InboxState.IGNORED, job=None)

    assert len(list(listener.notifies(timeout=0.1))) == 1
    listener.close()
