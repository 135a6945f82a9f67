"""The timeline: one member or event across all tables, in time order."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from include.clock import FixedClock
from include.errors import ErrorClass
from include.failures.dead_letters import DeadLetterService
from include.membership.ends import End, EndReason
from include.operate import ends_by_hand
from include.person import person_from
from include.store.audit import AuditEntry, member_target
from include.store.dead_letters import DeadLetterAction, Failure, Filter
from include.store.inbox import InboxState
from include.store.scheduled_ends import AuditContext, MembershipReference, open_end
from include.store.sql import queries
from include.store.steps import Ending, StepState
from include.store.timeline import Timeline
from tests.store.arrivals import NOW, receive

ADDRESS = "Ada@Example.org"


@pytest.fixture
def timeline(store):
    """Return the timeline over the test's database."""
    return Timeline(store.connection)


@pytest.fixture
def ada(store):
    """Return the id of a member that both vendors know."""
    row = store.connection.execute(
        "INSERT INTO public.users (email, clerk_user_id, stripe_customer_id) VALUES (%s, %s, %s) RETURNING id",
        [ADDRESS, "user_ada", "cus_ada"],
    ).fetchone()
    store.connection.execute(
        "INSERT INTO public.memberships (user_id, stripe_subscription_id, status) VALUES (%s, 'sub_ada', 'active')",
        [row["id"]],
    )
    return row["id"]


def run_through(store, ada, run_id="stripe.test.evt_1"):
    """Play one event of hers: received, taken, welcomed, recorded."""
    [inbox_id] = receive(store, "evt_1")
    store.connection.execute(
        "UPDATE ops.inbox SET state = 'dispatched', dag_run_id = %s, dispatched_at = %s, attempts = 1",
        [run_id, NOW + timedelta(seconds=1)],
    )
    store.connection.execute(
        "INSERT INTO ops.dispatches (dag_run_id, job, rows, state, claimed_at, started_at)"
        " VALUES (%s, 'mailchimp_sync', 1, 'started', %s, %s)",
        [run_id, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)],
    )
    store.inbox.assign_members({inbox_id: ada})
    store.steps.plan("welcome", [ada], dag_run_id=run_id, now=NOW + timedelta(seconds=3))
    key = f"welcome:{ada}"
    store.steps.intend([key], dag_run_id=run_id, now=NOW + timedelta(seconds=4))
    store.steps.end([Ending(key=key, state=StepState.DONE)], now=NOW + timedelta(seconds=5))
    change = AuditEntry(
        target=member_target(ada),
        actor="system:mailchimp_sync",
        action="mailchimp:create",
        dag_run_id=run_id,
    )
    with store.transaction():
        store.audit.add([change], now=NOW + timedelta(seconds=6))
        store.inbox.finish([inbox_id], state=InboxState.PROCESSED, now=NOW + timedelta(seconds=6))
        store.dispatches.finish(run_id, now=NOW + timedelta(seconds=6))
    return inbox_id


def plan(store, ada, *, at=NOW + timedelta(days=30), inbox_id=None):
    """Plan the end of her membership, as the job of an event does."""
    rows = () if inbox_id is None else (inbox_id,)
    by = AuditContext(
        actor="system:mailchimp_sync", now=NOW, dag_run_id="stripe.test.evt_1", inbox_ids=rows
    )
    end = End(vendor_at=at, deactivate_at=at, reason=EndReason.PERIOD_END)
    with store.transaction():
        return open_end(MembershipReference(ada, "sub_ada"), end, by=by, store=store)


def told_of_ends(timeline, handle="cus_ada"):
    """Return what is told of planned ends."""
    return [one for one in timeline.of(handle).entries if one.part in ("end", "audit")]


def test_story_is_told_in_time_order(store, timeline, ada):
    """From the vendor's clock to the end, whichever table it stands in."""
    run_through(store, ada)

    told = [(entry.part, entry.what) for entry in timeline.of("cus_ada").entries]

    assert told == [
        ("vendor", "stripe customer.updated"),
        ("inbox", "received evt_1"),
        ("inbox", "taken by a run"),
        ("airflow", "run accepted"),
        ("step", "welcome planned"),
        ("step", "welcome begun"),
        ("step", "welcome done"),
        ("audit", "mailchimp:create"),
        ("airflow", "run finished"),
        ("inbox", "processed"),
    ]


@pytest.mark.parametrize("handle", [ADDRESS, ADDRESS.lower(), "cus_ada", "sub_ada", "user_ada"])
def test_member_is_found_by_whatever_names_her(store, timeline, ada, handle):
    """Upper and lower case of an address are the same person."""
    run_through(store, ada)

    assert timeline.of(handle) == timeline.of(str(ada))
    assert timeline.of(handle).members == (ada,)


def test_event_is_found_by_its_id_and_by_its_row(store, timeline, ada):
    """And told without the rest of the member's life."""
    inbox_id = run_through(store, ada)
    receive(store, "evt_2")

    story = timeline.of("evt_1")

    assert story == timeline.of(str(inbox_id))
    assert story.inbox_ids == (inbox_id,)
    assert story.members == ()


def test_runs_carry_their_job_for_the_link(store, timeline, ada):
    """Also where only the run's id is known, as in the journal."""
    run_through(store, ada)

    steps = [entry for entry in timeline.of("cus_ada").entries if entry.part in ("step", "airflow")]

    assert {(entry.job, entry.dag_run_id) for entry in steps} == {
        ("mailchimp_sync", "stripe.test.evt_1")
    }


def test_waiting_row_says_that_it_waits(store, timeline):
    """Nothing has happened to it yet, and that is what one wants to know."""
    receive(store, "evt_1")

    assert timeline.of("evt_1").entries[-1].what == "is waiting"


def test_other_body_under_the_same_id_is_told(store, timeline):
    """Somebody should look."""
    receive(store, "evt_1", body=b"first")
    receive(store, "evt_1", body=b"second")

    assert "the same event with another body" in [one.what for one in timeline.of("evt_1").entries]


def test_no_address_and_no_body_is_told(store, timeline, ada):
    """It may end up in a ticket."""
    run_through(store, ada)

    assert "example.org" not in repr(timeline.of(ADDRESS)).lower()


@pytest.mark.parametrize("handle", ["nobody@example.org", "evt_0", "0", "", "%", "' OR 1=1 --"])
def test_unknown_handle_has_an_empty_story(store, timeline, ada, handle):
    """Whatever is typed."""
    run_through(store, ada)

    assert timeline.of(handle).entries == ()


def test_lost_answers_are_counted(store, timeline):
    """Uncertain steps wait for a person."""
    ids = [UUID(int=number) for number in range(3)]
    store.steps.plan("welcome", ids, dag_run_id="r", now=NOW)
    store.steps.intend([f"welcome:{one}" for one in ids], dag_run_id="r", now=NOW)
    store.steps.end([Ending(key=f"welcome:{ids[0]}", state=StepState.UNCERTAIN)], now=NOW)

    assert timeline.uncertain_steps() == {"welcome": 1}


# --- planned ends ---


def test_planned_end_is_told_with_its_run(store, timeline, ada):
    """Who planned it for when, the run made ahead, and that it is to come: last, for it is in the future."""
    row = plan(store, ada)
    store.deactivations.scheduled(row, now=NOW + timedelta(seconds=1))

    planned, ahead, to_come = told_of_ends(timeline)

    assert planned.what == "deactivation:plan"
    assert (
        f"by system:mailchimp_sync, no. 1, deactivation {row.id}, for 2026-12-02" in planned.detail
    )
    assert (ahead.what, ahead.dag_run_id) == ("run made ahead", row.next_run_id)
    assert (to_come.what, to_come.at) == ("is scheduled", NOW + timedelta(days=30))
    assert {ahead.job, to_come.job} == {"member_deactivation"}


def test_persons_acts_are_told_with_who_and_why(store, timeline, ada):
    """Moved, then canceled."""
    row = plan(store, ada)
    grace = person_from("grace", "she called")
    later = NOW + timedelta(days=40)
    ends_by_hand.move(row.id, later, person=grace, now=NOW + timedelta(hours=1), store=store)
    ends_by_hand.revoke(row.id, person=grace, now=NOW + timedelta(hours=2), store=store)

    _, moved, audited, revoked = told_of_ends(timeline)

    assert moved.what == "deactivation:move"
    assert moved.detail.startswith("by user:grace, no. 2")
    assert "from 2026-12-02T09:00:00+00:00 to 2026-12-12T09:00:00+00:00" in moved.detail
    assert moved.detail.endswith("because: she called")
    assert {audited.what, revoked.what} == {"deactivation:revoke", "revoked"}
    assert f"deactivation {row.id}, by user:grace, she called" in (audited.detail, revoked.detail)


def test_end_that_was_carried_out_is_told_with_the_run_that_did_it(store, timeline, ada):
    """A run takes what is due: it may be another one's."""
    row = plan(store, ada, at=NOW)
    run = "deactivation.99.1"
    for act in (
        lambda at: store.deactivations.take(run, own_id=99, now=at, row_limit=10),
        lambda at: store.deactivations.decide([row.id], now=at),
        lambda at: store.deactivations.apply([row.id], hidden=[], now=at),
        lambda at: store.deactivations.finish([row.id], now=at),
    ):
        act(NOW + timedelta(seconds=1))

    told = [(one.what, one.dag_run_id, one.job) for one in told_of_ends(timeline)][1:]

    assert told == [
        ("Stripe was asked: it is to be", run, "member_deactivation"),
        ("membership closed", run, "member_deactivation"),
        ("done", run, "member_deactivation"),
    ]


def test_end_without_a_date_waits_for_somebody(store, timeline, ada):
    """Told at the moment when that was found out."""
    plan(store, ada, at=None)

    assert [one.what for one in told_of_ends(timeline)] == ["deactivation:plan", "is date unknown"]


def test_event_tells_of_the_end_that_it_planned(store, timeline, ada):
    inbox_id = run_through(store, ada)
    plan(store, ada, inbox_id=inbox_id)

    assert "is pending" in [one.what for one in told_of_ends(timeline, "evt_1")]


@pytest.mark.parametrize("handle", [ADDRESS, "evt_1"])
def test_failed_tries_and_what_was_decided_are_told(store, timeline, ada, handle):
    """With how late a try began, the run that tried, and a person's reason."""
    [row] = receive(store, "evt_1")
    store.inbox.assign_members({row: ada})
    store.connection.execute("UPDATE ops.inbox SET state = 'dead'")
    failure = Failure(
        job="mailchimp_sync",
        subject=f"member:{ada}",
        error_class=ErrorClass.TRANSIENT,
        reason="Mailchimp is out of service",
        member_id=ada,
        inbox_ids=(row,),
        tried_by="webhook_retry",
        dag_run_id="retry.1",
        due_at=NOW,
        started_at=NOW + timedelta(seconds=0.5),
    )
    store.dead_letters.open_case(failure, now=NOW + timedelta(seconds=1))
    by = person_from("grace", "it is back")
    DeadLetterService(store, clock=FixedClock(NOW + timedelta(minutes=1))).decide(
        DeadLetterAction.REPLAY, Filter(), by=by
    )

    entries = timeline.of(handle).entries

    [tried] = [entry for entry in entries if entry.part == "letter"]
    assert (tried.job, tried.dag_run_id) == ("webhook_retry", "retry.1")
    assert "Mailchimp is out of service, began 0.50 s after it was due" in tried.detail
    [decided] = [entry for entry in entries if entry.what == "dead_letter:replay"]
    assert "by user:grace" in decided.detail
    assert "because: it is back" in decided.detail


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("find_members", {"handle": "evt_1"}),
        ("find_rows", {"handle": "evt_1"}),
        ("read_rows_of", {"member_ids": [UUID(int=1)]}),
        ("read_entries", {"member_ids": [UUID(int=1)], "inbox_ids": [1, 2]}),
    ],
)
def test_large_tables_are_read_by_their_indexes(store, statement, values):
    """A table without a usable index is read as a whole even where that is forbidden: 0.3 s among a million rows."""
    asked = f"EXPLAIN {getattr(queries('timeline'), statement).sql}"

    with store.transaction():
        store.connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row["QUERY PLAN"] for row in store.connection.execute(asked, values))

    assert "Scan" in plan
    read_whole = re.findall(
        r"Seq Scan on (?:inbox|audit_log|run_members|objects|dispatches)\b", plan
    )
    assert read_whole == []


def test_run_that_a_person_started_is_known_by_its_own_dag(store, timeline):
    """Its events are another job's: the dispatch says which DAG has the run."""
    [row] = receive(store, "evt_1")
    store.dispatches.attach("manual__1", job="webhook_retry", inbox_ids=[row], now=NOW)

    entries = timeline.of("evt_1").entries

    assert {entry.job for entry in entries if entry.dag_run_id == "manual__1"} == {"webhook_retry"}
