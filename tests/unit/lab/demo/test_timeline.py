"""What the timeline says of each record."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from include.lab.demo import timeline
from include.lab.demo.airflow import TaskTry
from include.lab.demo.outcomes import AuditLine, EventProgress, JobEntry
from include.lab.demo.sandbox import VendorCall, VendorEvent
from include.store.inbox import InboxState

NAMES = {"run-a": "run 1"}
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def row(number: int, **changes) -> EventProgress:
    values = {
        "id": number,
        "provider": "stripe",
        "event_id": f"evt_{number}",
        "type": "customer.updated",
        "state": InboxState.PROCESSED,
        "reason": None,
        "attempts": 1,
        "dag_run_id": "run-a",
        "member_id": None,
        "due_at": None,
        "received_at": at(0.01 * number),
        "dispatched_at": at(0.1),
        "finished_at": at(1),
    }
    return EventProgress(**{**values, **changes})


def call_of(vendor: str, method: str, path: str, **more) -> VendorCall:
    return VendorCall(
        **{"vendor": vendor, "at": 0, "method": method, "path": path, "status": 200, **more}
    )


def test_sending_counts_what_is_alike():
    """Two hundred webhooks of one type are one line, not two hundred."""
    events = [VendorEvent(id=str(n), vendor="stripe", type="invoice.paid") for n in range(200)]

    assert timeline.sending(events, 1, 0).what == "Stripe sends 200 x invoice.paid"
    assert timeline.sending(events[:1], 20, 0).what == "Stripe sends invoice.paid, 20 copies"


def test_each_vendor_sends_its_own():
    """Who told us is the first thing to know of an event."""
    events = [
        VendorEvent(id="1", vendor="clerk", type="user.created"),
        VendorEvent(id="2", vendor="stripe", type="customer.created"),
    ]

    said = timeline.sending(events, 1, 0).what

    assert said == "Clerk sends user.created; Stripe sends customer.created"
    assert timeline.answering({"200": 2, "503": 1}, 0).what == (
        "relay answers 200 (2 times), 503 (1 time)"
    )


def test_rows_of_a_run_are_one_line_each_way():
    """Stored, given to a run, ended: each once for all rows that went the same way."""
    moments = timeline.of_rows([row(1), row(2)], NAMES)

    assert [moment.what for moment in moments] == [
        "inbox: 2 events stored",
        "run 1: asked for, takes 2 events",
        "run 1: 2 events processed",
    ]
    offsets = [moment.at - START.timestamp() for moment in moments]
    assert offsets == pytest.approx([0.02, 0.1, 1], abs=1e-4)


def test_rows_that_end_otherwise_say_why():
    """An ignored event has its reason beside it; one that waits has no end yet."""
    ignored = row(1, state=InboxState.IGNORED, reason="no job", dag_run_id=None, finished_at=None)
    waiting = row(
        2, state=InboxState.WAITING, dag_run_id=None, dispatched_at=None, finished_at=None
    )

    moments = timeline.of_rows([ignored, waiting], NAMES)

    assert [moment.what for moment in moments[1:]] == ["inbox: 1 event ignored (no job)"]


def test_task_shows_how_long_it_worked():
    """A task that was skipped has not worked; one that has not ended has no line."""
    ended = {"try_number": 1, "started_at": at(1), "ended_at": at(1.25)}
    tasks = [
        TaskTry(task="record", state="success", **ended),
        TaskTry(task="trigger_welcome", state="skipped", **ended),
        TaskTry(task="load_members", state="running", **{**ended, "ended_at": None}),
    ]

    moments = timeline.of_tasks(tasks, "run 1")

    assert [moment.what for moment in moments] == [
        "run 1: record success, 0.25 s",
        "run 1: trigger_welcome skipped",
    ]


def test_calls_of_one_kind_are_counted():
    """Tags for fifty members are one line with a number, at the last of them."""
    calls = [
        VendorCall(
            vendor="mailchimp", at=n, method="POST", path=f"/lists/a/members/{n}/tags", status=204
        )
        for n in (1.0, 2.0)
    ]

    assert timeline.of_calls(calls) == [
        timeline.TimelineMoment(at=2.0, what="Mailchimp: tags set (204), 2 times")
    ]


def test_every_known_call_has_a_meaning_of_its_own():
    """The table is read from the top, and no line hides another: each call finds its own meaning."""
    examples = {
        ("PUT", "/lists/a/members/b"): "contact written",
        ("PATCH", "/lists/a/members/b"): "contact changed",
        ("POST", "/lists/a/members/b/tags"): "tags set",
        ("POST", "/lists/a/segments/7"): "tags set for many",
        ("POST", "/lists/a/segments"): "tag made",
        ("GET", "/lists/a/segments"): "tags looked up",
        ("POST", "/lists/a"): "contacts written in bulk",
        (
            "POST",
            "/customer-journeys/journeys/1/steps/2/actions/trigger",
        ): "welcome journey started",
        ("POST", "/automations/a/emails/b/queue"): "welcome mail queued",
        ("GET", "/ping"): "GET /ping",
    }

    for (method, path), meaning in examples.items():
        assert timeline.meaning_of(call_of("mailchimp", method, path)) == meaning


def test_audit_lines_of_one_action_are_counted():
    """The log of two hundred members is one line; what was written down before is not of it."""
    entries = [
        AuditLine(
            target=f"member:{uuid4()}",
            seq=1,
            at=at(n),
            actor="system:mailchimp_sync",
            action="mailchimp:create",
            dag_run_id="run-a",
        )
        for n in range(3)
    ]

    assert [moment.what for moment in timeline.of_audit(entries, since=at(1).timestamp())] == [
        "audit log: mailchimp:create by system:mailchimp_sync, 2 times"
    ]


def test_calls_of_a_vendor_bear_its_name():
    """Whom was asked what, and that nobody heard the answer."""
    calls = [
        call_of("luma", "GET", "/v1/events/guests/list"),
        call_of("luma", "POST", "/v1/events/guests/update-status", at=1, status=0),
    ]

    assert [moment.what for moment in timeline.of_calls(calls)] == [
        "Luma: page of guests read (200)",
        "Luma: guest decided about (no answer)",
    ]


def test_counts_of_a_job_are_one_line():
    """What is none is left out; reasons are counted, so that three hundred errors are no wall of text."""
    entry = JobEntry(
        at=at(2),
        actor="system:luma_approval",
        action="job:completed",
        metadata={
            "approved": 3,
            "denied_why": {"no member": 7},
            "errors": [{"guest": "a", "why": "refused"}, {"guest": "b", "why": "refused"}],
            "left": 0,
            "stopped": None,
        },
    )

    [moment] = timeline.of_job([entry])

    assert moment.at == at(2).timestamp()
    assert moment.what == (
        "audit log: job:completed by system:luma_approval: "
        "approved 3, denied_why (no member: 7), errors (refused: 2)"
    )


@pytest.mark.parametrize(
    ("state", "due_at", "is_open"),
    [
        (InboxState.WAITING, None, True),
        (InboxState.DISPATCHED, None, True),
        (InboxState.FAILED, at(5), True),  # it is tried again
        (InboxState.FAILED, None, False),
        (InboxState.DEAD, at(5), True),  # a person has it tried again
        (InboxState.DEAD, None, False),
        (InboxState.PROCESSED, None, False),
    ],
)
def test_event_is_open_while_something_is_still_to_come_of_it(state, due_at, is_open):
    assert row(1, state=state, due_at=due_at).is_open is is_open
