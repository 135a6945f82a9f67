"""What `./ops status` counts in the tables."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from include.errors import ErrorClass
from include.membership.ends import End, EndReason
from include.operate.report import OVERDUE_AFTER, read_in
from include.relay.airflow_health import PARTS, AirflowHealth
from include.store.breakers import BreakerState
from include.store.dead_letters import Failure
from tests.store.arrivals import NOW, receive

LATE, TO_COME = NOW - OVERDUE_AFTER, NOW + timedelta(days=30)


def plan(store, number, at, state=None):
    """Plan an end, and put its row into a state."""
    end = End(vendor_at=at, deactivate_at=at, reason=EndReason.PERIOD_END)
    row = store.deactivations.open(UUID(int=number), f"sub_{number}", end, inbox_id=None, now=NOW)
    if state is not None:
        store.connection.execute(
            "UPDATE ops.deactivations SET state = %s WHERE id = %s", [state, row.id]
        )
    return row


def counted(store):
    """Return the counts that are not 0."""
    return {name: count for name, count in read(store).work.deactivations.items() if count}


@pytest.mark.parametrize(
    ("at", "state", "counts"),
    [
        (TO_COME, "pending", {"pending": 1}),
        (TO_COME, "scheduled", {"pending": 1}),
        (NOW, "scheduled", {"pending": 1}),
        (NOW, "running", {"running": 1}),
        (LATE, "pending", {"overdue": 1}),
        (LATE, "scheduled", {"overdue": 1}),
        (LATE, "running", {"overdue": 1}),
        (LATE, "failed", {"failed": 1}),
        (None, "date_unknown", {"date_unknown": 1}),
        (LATE, "done", {}),
        (LATE, "revoked", {}),
    ],
)
def test_each_row_counts_once(store, at, state, counts):
    """What waits for a run and what has one is the same to a person; what is late is not."""
    plan(store, 1, at, state)

    assert counted(store) == counts


def test_empty_tables_count_nothing(store):
    """With every name, so that a program finds it."""
    assert read(store).work.deactivations == {
        "pending": 0,
        "running": 0,
        "overdue": 0,
        "date_unknown": 0,
        "failed": 0,
    }


def read(store):
    """Read the tables beside an Airflow that is well."""
    return read_in(store, health=AirflowHealth(parts=dict.fromkeys(PARTS, "healthy")), now=NOW)


def issues(store):
    """Return what is wrong, as sentences."""
    return [str(one) for one in read(store).issues]


def test_nothing_is_wrong_in_empty_tables(store):
    """What is not known to be bad is well, and it is said how little is known."""
    assert issues(store) == []
    assert read(store).summary == "All is well: no run ended in the last hour"


def test_one_cause_is_not_told_ten_thousand_times(store):
    """Airflow is down, and every row waits for it: the next to come say so."""
    rows = [plan(store, number, TO_COME + timedelta(days=number)) for number in range(12)]
    for row in rows:
        store.deactivations.set_problem(row.id, "Airflow does not answer")

    first = ", ".join(str(row.id) for row in rows[:3])
    assert issues(store) == [
        f"planned ends cannot go on (Airflow does not answer): among them {first}"
    ]


def open_breaker(store, vendor="mailchimp"):
    """Have a vendor left alone."""
    with store.transaction():
        opened = replace(
            store.breakers.lock(vendor, now=NOW),
            state=BreakerState.OPEN,
            opened_at=NOW,
            probe_at=NOW + timedelta(minutes=1),
            reason="Mailchimp is out of service",
        )
        store.breakers.save(opened)


def open_letter(store, number, *, state="open", **details):
    """Have a dead letter in this state."""
    failure = Failure(
        job="mailchimp_sync",
        subject=f"row:{number}",
        error_class=ErrorClass.TRANSIENT,
        reason="x",
        **details,
    )
    letter = store.dead_letters.open_case(failure, now=NOW)
    store.connection.execute(
        "UPDATE ops.dead_letters SET state = %s WHERE id = %s", [state, letter.id]
    )


def test_vendor_that_is_left_alone_is_told_with_who_waits(store):
    """Why, since when, how many rows of how many members, and when it is tried again."""
    open_breaker(store)
    with store.transaction():
        store.breakers.lock("stripe", now=NOW)
    rows = receive(store, "evt_1", "evt_2", "evt_3")
    for number, row in enumerate(rows[:2]):
        member = UUID(int=7)
        open_letter(
            store, number, vendor="mailchimp", member_id=member, inbox_ids=(row,), state="retrying"
        )

    [told] = issues(store)
    assert told == (
        "mailchimp is not called since 2026-11-02 09:00:00 UTC (Mailchimp is out of service):"
        " 2 rows of 1 member wait, it is tried again at 09:01:00 UTC"
    )


def test_what_waits_for_a_person_is_no_trouble(store):
    """Open letters are to be decided; closed ones are nobody's business."""
    for number, state in enumerate(("open", "replayed")):
        open_letter(store, number, state=state)

    assert read(store).work.dead_letters == {"open": 1}
    assert issues(store) == []
    assert read(store).decisions == ("1 dead letter: `{ops} dead-letters list`",)


def test_messages_that_people_have_not_got_are_shown(store):
    """What Slack does not take is missing in Slack: here it is not."""
    for job in ("luma_auto_approval", "webhook_retry"):
        store.notices.put(job, job=job, facts={"kind": "question"}, now=NOW)
    later, never = store.notices.waiting()
    store.notices.postpone(later, problem="Slack is out of service", next_try_at=NOW)
    store.notices.give_up(never, problem="Slack refuses the call: msg_too_long", now=NOW)

    assert issues(store) == ["1 message to people not sent yet (Slack is out of service)"]
    assert read(store).decisions == (
        "webhook_retry has failed, and people could not be told: Slack refuses the call: msg_too_long",
    )
