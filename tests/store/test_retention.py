"""Retention: what goes is what was counted, and what must stay stays."""

from datetime import timedelta

import pytest

from include.alerts.states import AlertEventType, AlertState, Phase, alert_event_from
from include.clock import FixedClock
from include.jobs.database_cleanup import steps
from include.jobs.database_cleanup import steps as job
from include.jobs.database_cleanup.decide import load_rules
from include.store.findings import Finding, FindingKind
from include.store.inbox import InboxState, Receipt
from include.store.notices import FailedRun
from include.store.reviews import ReviewState
from tests.store.arrivals import NOW, make_arrival, receive

LONG_AGO = NOW - timedelta(days=1000)
RULES = load_rules()
MEMBER = "00000000-0000-4000-8000-000000000001"


def count(store, statement, *parameters):
    [row] = store.connection.execute(statement, parameters).fetchall()
    return next(iter(row.values()))


def old_row(store, event_id, state):
    """Store an event that came long ago, and leave it in this state."""
    receive(store, event_id)
    store.connection.execute(
        "UPDATE ops.inbox SET state = %s, received_at = %s, finished_at = %s WHERE event_id = %s",
        (state, LONG_AGO, LONG_AGO, event_id),
    )
    return count(store, "SELECT id FROM ops.inbox WHERE event_id = %s", event_id)


def note(store, run, at):
    """Note a failure of a run that is over."""
    failed = FailedRun(job="x", dag_run_id=run, failed_at=at)
    facts = {"key": "x:1", "facts": {}, "inbox_ids": []}
    store.notices.note(failed, **facts, quiet_since=at, now=at)
    store.connection.execute("UPDATE ops.notices SET state = 'recovered'")


def fill(store):
    """Make something old for every rule, and something young beside it."""
    for number in range(3):
        old_row(store, f"evt_old_{number}", InboxState.PROCESSED)
    receive(store, "evt_young")
    kept = old_row(store, "evt_conflict", InboxState.PROCESSED)
    for at, sha in ((LONG_AGO, b"1"), (NOW, b"2")):
        store.connection.execute(
            "INSERT INTO ops.inbox_conflicts (inbox_id, body, body_sha256, received_at) VALUES (%s, %s, %s, %s)",
            (kept, b"{}", sha, at),
        )
    for run, at in (("run_old", LONG_AGO), ("run_young", NOW)):
        store.connection.execute(
            "INSERT INTO ops.run_members (dag_run_id, member_id, outcome, recorded_at) VALUES (%s, %s, 'create', %s)",
            (run, MEMBER, at),
        )
        store.connection.execute(
            "INSERT INTO ops.dispatches (dag_run_id, job, rows, state, claimed_at, finished_at)"
            " VALUES (%s, 'mailchimp_sync', 1, 'finished', %s, %s)",
            (run, at, at),
        )
        store.connection.execute(
            "INSERT INTO ops.steps (key, effect, member_id, state, dag_run_id, planned_at, finished_at)"
            " VALUES ('welcome:' || %s, 'welcome', %s, 'done', %s, %s, %s)",
            (run, MEMBER, run, at, at),
        )
        store.reconciliations.open(run, is_deep=False, is_dry_run=False, now=at)
        note(store, run, at)
        store.connection.execute(
            "INSERT INTO ops.cron_ticks (job, tick_at, outcome, noted_at) VALUES ('x', %s, 'ran', %s)",
            (at, at),
        )
        store.rejections.add({("stripe", "body"): 1}, now=at)
        store.job_runs.open("mailchimp_sync", run, ends=["record"], now=at)
        store.job_runs.end_tasks("mailchimp_sync", run, ends=["record"], now=at)
        fire(store, "a_rule", at)
        review(store, run, at)
        finding = Finding(kind=FindingKind.DISPUTE, subject=run, words="")
        store.findings.keep(finding, now=at)
        store.findings.end([finding.key], now=at)
        store.connection.execute(
            "INSERT INTO ops.alert_samples (at, job, since, success_count, failure_count, lost_count, running_jobs)"
            " VALUES (%s, '', %s, 1, 0, 0, 0)",
            (at, at),
        )


def fire(store, rule, at):
    """Have an alert that fired, and somebody who was told."""
    state = AlertState(rule=rule, phase=Phase.FIRING, since=at, fired_at=at)
    change = alert_event_from(state, AlertEventType.FIRED, at=at, since=at)
    event = store.alerts.add_event(change, condition="dlq_count > 1", message=None)
    store.alerts.plan(event, "email", "a@example.org", now=at)


def review(store, run, at, *, state=ReviewState.DONE):
    """Ask people about dead letters, and take it as far as this state."""
    store.reviews.ask(run, [], now=at)
    if state is ReviewState.UNANSWERED:
        store.reviews.leave_unanswered(run, now=at)
    elif state is not ReviewState.ASKED:
        store.reviews.answer(run, {"group_1": "replay"}, actor="user:a", why="", now=at)
    if state is ReviewState.DONE:
        store.reviews.finish(run, now=at)


def clean(store, *, dry_run=False, now=NOW):
    return job.clean_ops(RULES, dry_run=dry_run, store=store, clock=FixedClock(now))


def test_dry_run_counts_what_is_removed(store):
    """The counts of a dry run are the counts of the run after it, and it removes nothing."""
    fill(store)

    counted, again = clean(store, dry_run=True), clean(store, dry_run=True)
    removed = clean(store)

    assert counted == again == removed
    assert {rule for rule, rows in removed.items() if not rows} == set()
    assert set(clean(store).values()) == {0}


def test_keys_stay(store):
    """The event and the effect may come again after years: what keeps them from it is never removed."""
    fill(store)

    clean(store)

    assert count(store, "SELECT count(*) FROM ops.inbox WHERE event_id LIKE 'evt_%%'") == 5
    assert store.inbox.receive([make_arrival("evt_old_1")]) == [Receipt.DUPLICATE]
    assert count(store, "SELECT count(*) FROM ops.steps") == 2
    assert count(store, "SELECT count(*) FROM ops.inbox WHERE body IS NULL") == 4


def test_alert_that_fires_since_keeps_who_was_told(store):
    """However long ago it began: its end is told to the same people."""
    for rule in ("over", "still"):
        fire(store, rule, LONG_AGO)
    state = AlertState(rule="still", phase=Phase.FIRING, since=LONG_AGO, fired_at=LONG_AGO)
    store.alerts.save([state], now=NOW)

    assert clean(store)["alert_events"] == 1
    assert count(store, "SELECT count(*) FROM ops.alert_messages") == 1


@pytest.mark.parametrize("state", ReviewState)
def test_review_goes_when_it_is_over(store, state):
    """One that waits for its answer, or whose decisions are not all carried out, stays however old it is."""
    review(store, "run_old", LONG_AGO, state=state)
    is_over = state in (ReviewState.DONE, ReviewState.UNANSWERED)

    assert clean(store)["reviews"] == is_over
    assert (store.reviews.get("run_old") is None) == is_over


def test_review_carried_out_lately_stays(store):
    """Its age counts from its end: what was asked long ago may have been answered today."""
    review(store, "run_old", LONG_AGO, state=ReviewState.ASKED)
    store.reviews.answer("run_old", {}, actor="user:a", why="", now=LONG_AGO)
    store.reviews.finish("run_old", now=NOW)

    assert clean(store)["reviews"] == 0


@pytest.mark.parametrize(
    "state", [InboxState.WAITING, InboxState.DISPATCHED, InboxState.FAILED, InboxState.DEAD]
)
def test_what_is_not_over_keeps_its_body(store, state):
    """A row that somebody may still have to work on is left as it is, however old."""
    old_row(store, "evt_open", state)

    assert clean(store)["inbox_bodies"] == 0
    assert count(store, "SELECT count(*) FROM ops.inbox WHERE body IS NOT NULL") == 1


def test_source_of_a_planned_end_keeps_its_body(store):
    """The event that a pending deactivation came from explains it to a person."""
    row = old_row(store, "evt_cancel", InboxState.PROCESSED)
    store.connection.execute(
        "INSERT INTO ops.deactivations (member_id, subscription_id, reason, vendor_at, deactivate_at, state,"
        " inbox_id, created_at, updated_at) VALUES (%s, 'sub_1', 'period_end', %s, %s, 'pending', %s, %s, %s)",
        (MEMBER, NOW, NOW, row, LONG_AGO, LONG_AGO),
    )

    assert clean(store)["inbox_bodies"] == 0


def test_batches_end_when_the_time_is_over(store, monkeypatch):
    """What is left after the budget waits for the next night, and the audit log says so."""
    fill(store)
    monkeypatch.setattr(steps, "BATCH_ROWS", 1)
    clock = FixedClock(NOW)
    removes = []

    def slow(rule, **options):
        removes.append(rule)
        clock.advance(steps.BUDGET)
        return 1

    monkeypatch.setattr(store.retention, "remove", slow)
    counts = job.clean_ops(RULES, dry_run=False, store=store, clock=clock)

    assert sum(counts.values()) == len(removes) == 1
    left = count(store, "SELECT metadata -> 'left' FROM ops.audit_log")
    assert left == list(RULES.ops)


def test_run_is_audited_with_its_counts(store):
    """A person sees in the audit log what went, per table."""
    fill(store)

    removed = clean(store)

    [row] = store.connection.execute("SELECT * FROM ops.audit_log").fetchall()
    assert (row["actor"], row["action"]) == ("system:database_cleanup", "job:completed")
    assert row["metadata"]["removed"] == removed
