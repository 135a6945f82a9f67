"""What `./ops status` counts in the tables."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from include.errors import ErrorClass
from include.operate.report import OVERDUE_AFTER, work_in
from include.store.breakers import BreakerState
from include.store.deactivations import End, Reason
from include.store.dead_letters import Failure
from tests.store.arrivals import NOW

LATE, TO_COME = NOW - OVERDUE_AFTER, NOW + timedelta(days=30)


def plan(store, number, at, state=None):
    """Plan an end, and put its row into a state."""
    end = End(vendor_at=at, deactivate_at=at, reason=Reason.PERIOD_END)
    row = store.deactivations.open(UUID(int=number), f"sub_{number}", end, inbox_id=None, now=NOW)
    if state is not None:
        store.connection.execute(
            "UPDATE ops.deactivations SET state = %s WHERE id = %s", [state, row.id]
        )
    return row


def counted(store):
    """Return the counts that are not 0."""
    return {name: count for name, count in work_in(store, now=NOW).deactivations.items() if count}


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
    assert work_in(store, now=NOW).deactivations == {
        "pending": 0,
        "running": 0,
        "overdue": 0,
        "date_unknown": 0,
        "failed": 0,
    }


def test_one_cause_is_not_told_ten_thousand_times(store):
    """Airflow is down, and every row waits for it: the next to come say so."""
    rows = [plan(store, number, TO_COME + timedelta(days=number)) for number in range(12)]
    for row in rows:
        store.deactivations.set_problem(row.id, "Airflow does not answer")

    problems = work_in(store, now=NOW).problems

    assert len(problems) == 10
    assert problems[f"deactivation {rows[0].id}"] == "Airflow does not answer"


def test_open_breakers_and_letters_are_told(store):
    """Which vendor is left alone, why, and when it is tried again; closed letters are nobody's business."""
    with store.transaction():
        breaker = store.breakers.lock("mailchimp", now=NOW)
        opened = replace(
            breaker,
            state=BreakerState.OPEN,
            opened_at=NOW,
            probe_at=NOW + timedelta(minutes=1),
            reason="Mailchimp is out of service",
        )
        store.breakers.save(opened)
        store.breakers.lock("stripe", now=NOW)
    for number, state in enumerate(("open", "replayed")):
        failure = Failure(
            job="mailchimp_sync",
            subject=f"row:{number}",
            error_class=ErrorClass.PERMANENT,
            reason="x",
        )
        letter = store.dead_letters.open_case(failure, now=NOW)
        store.connection.execute(
            "UPDATE ops.dead_letters SET state = %s WHERE id = %s", [state, letter.id]
        )

    work = work_in(store, now=NOW)

    assert work.dead_letters == {"open": 1}
    assert work.breakers == {
        "mailchimp": "open since 2026-11-02 09:00 UTC, tried again 09:01:00 UTC: Mailchimp is out of service"
    }


def test_messages_that_people_have_not_got_are_shown(store):
    """What Slack does not take is missing in Slack: here it is not."""
    for job in ("luma_auto_approval", "webhook_retry"):
        store.notices.put(job, job=job, facts={"kind": "question"}, now=NOW)
    later, never = store.notices.waiting()
    store.notices.postpone(later, problem="Slack is out of service", next_try_at=NOW)
    store.notices.give_up(never, problem="Slack refuses the call: msg_too_long", now=NOW)

    assert work_in(store, now=NOW).problems == {
        "message about luma_auto_approval": "not sent yet: Slack is out of service",
        "message about webhook_retry": "given up: Slack refuses the call: msg_too_long",
    }
