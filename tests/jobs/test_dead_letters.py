"""What people decide about dead letters: once, to the end, written down; and what can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from include.clock import FixedClock
from include.errors import ErrorClass
from include.failures.dead_letters import DeadLetterService, NoReasonError
from include.person import Person
from include.store import Store
from include.store.dead_letters import DeadLetterAction, DeadLetterState, Failure, Filter
from include.store.inbox import InboxState
from include.store.steps import Ending, StepState
from tests.store.arrivals import NOW, receive

BY = Person(actor="user:grace", why="Mailchimp is back")


@pytest.fixture
def desk(store):
    """Give a desk at which it is nine in the morning."""
    return DeadLetterService(store, clock=FixedClock(NOW))


def dead(store, count=1, *, at=NOW, **changes):
    """Make dead letters of one event each, and return the letters' ids."""
    start = store.inbox.counts().get(InboxState.DEAD, 0)
    events = [f"evt_{start + n}" for n in range(count)]
    rows = receive(store, *events, state=InboxState.DEAD)
    return [
        store.dead_letters.open_case(
            Failure(
                **{
                    "job": "mailchimp_sync",
                    "subject": f"row:{row}",
                    "error_class": ErrorClass.TRANSIENT,
                    "reason": "Mailchimp is out of service",
                    "inbox_ids": (row,),
                    "dag_run_id": "run_1",
                    **changes,
                }
            ),
            now=at,
        ).id
        for row in rows
    ]


def rows_of(store, ids):
    """Return the events of letters."""
    return [row for id_ in ids for row in store.inbox.rows(store.dead_letters.inbox_ids(id_))]


def states(store, ids):
    return {store.dead_letters.get(id_).state for id_ in ids}


def audit(store):
    """Return what people did; that letters were opened is of the system."""
    rows = store.connection.execute("SELECT * FROM ops.audit_log ORDER BY id").fetchall()
    return [row for row in rows if row["actor"].startswith("user:")]


def test_replay_lets_the_job_try_again(store, desk):
    """The events wait for their own job, under their own keys; who, why, before and after are audited."""
    ids = dead(store)

    done = desk.decide(DeadLetterAction.REPLAY, Filter(ids=tuple(ids)), by=BY)

    assert (done.chosen, done.done) == (1, 1)
    [row] = rows_of(store, ids)
    assert (row.state, row.job, row.due_at) == (InboxState.WAITING, "mailchimp_sync", NOW)
    assert states(store, ids) == {DeadLetterState.REPLAYING}
    [entry] = audit(store)
    assert (entry["actor"], entry["action"]) == ("user:grace", "dead_letter:replay")
    assert (entry["before"], entry["after"]) == ({"state": "open"}, {"state": "replaying"})
    assert entry["metadata"]["why"] == BY.why


def test_second_click_does_nothing(store, desk):
    """F2: one replay, one run."""
    ids = dead(store)

    counts = [
        desk.decide(DeadLetterAction.REPLAY, Filter(ids=tuple(ids)), by=BY).done for _ in range(2)
    ]

    assert counts == [1, 0]
    assert len(audit(store)) == 1


def test_two_people_at_once_replay_once(store, database):
    """F2: each letter is taken by one of them, whoever is faster."""
    dead(store, 120)

    def replay(_):
        other = Store.connect(database)
        try:
            return (
                DeadLetterService(other, clock=FixedClock(NOW))
                .decide(DeadLetterAction.REPLAY, Filter(), by=BY)
                .done
            )
        finally:
            other.close()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(replay, range(4)))

    assert sum(done) == 120
    assert len(audit(store)) == 120


def test_thousand_are_previewed_throttled_and_done(store, desk):
    """F4: the preview counts what the replay does, and the due times keep to so many a minute."""
    ids = dead(store, 1000)
    told = []
    desk = DeadLetterService(
        store, clock=FixedClock(NOW), progress=lambda *place: told.append(place)
    )
    preview = desk.preview(DeadLetterAction.REPLAY, Filter(job="mailchimp_sync"))

    done = desk.decide(DeadLetterAction.REPLAY, Filter(job="mailchimp_sync"), by=BY, per_minute=100)

    assert preview.count == done.chosen == done.done == 1000
    assert told == [(n, 1000) for n in range(100, 1001, 100)]
    due = [row.due_at for row in rows_of(store, ids)]
    assert due == sorted(due)
    in_minutes = [sum(d < NOW + timedelta(minutes=m + 1) for d in due) for m in range(10)]
    assert in_minutes == [100 * (m + 1) for m in range(10)]


def test_crash_is_resumed_without_repeats(store, desk):
    """F4: what had its turn does not get another, even if it has failed again meanwhile."""
    ids = dead(store, 250)

    class Crash(Exception):  # noqa: N818 - as of a process
        pass

    def crash(position, _total):
        if position == 100:
            raise Crash

    with pytest.raises(Crash):
        DeadLetterService(store, clock=FixedClock(NOW), progress=crash).decide(
            DeadLetterAction.REPLAY, Filter(), by=BY
        )
    came_back = ids[0]
    subject = store.dead_letters.get(came_back).subject
    again = Failure(
        job="mailchimp_sync", subject=subject, error_class=ErrorClass.TRANSIENT, reason="x"
    )
    store.dead_letters.open_case(again, now=NOW)

    [done] = desk.resume()

    assert (done.chosen, done.done) == (250, 250)
    assert states(store, [came_back]) == {DeadLetterState.OPEN}
    assert states(store, ids[1:]) == {DeadLetterState.REPLAYING}
    assert len(audit(store)) == 250
    assert desk.resume() == []


def test_replay_can_be_held(store, desk):
    """F4: what no run has taken yet waits for a person again; the rest goes on."""
    ids = dead(store, 3)
    desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY, per_minute=1)
    taken = store.dispatches.claim(
        "mailchimp_sync", now=NOW, max_in_flight=2, batch_size=500, member_limit=100
    )
    assert len(taken.inbox_ids) == 1

    held = desk.decide(DeadLetterAction.HOLD, Filter(), by=BY)

    assert held.done == 2
    assert states(store, ids[:1]) == {DeadLetterState.REPLAYING}
    assert states(store, ids[1:]) == {DeadLetterState.OPEN}
    assert [row.state for row in rows_of(store, ids)] == [
        InboxState.DISPATCHED,
        InboxState.DEAD,
        InboxState.DEAD,
    ]


def test_abandoning_needs_a_reason_and_can_be_undone(store, desk):
    """F7: and is in the audit log both times."""
    ids = dead(store)
    with pytest.raises(NoReasonError):
        desk.decide(DeadLetterAction.ABANDON, Filter(), by=Person(actor="user:grace", why=" "))

    desk.decide(
        DeadLetterAction.ABANDON, Filter(), by=Person(actor="user:grace", why="a test account")
    )
    assert states(store, ids) == {DeadLetterState.ABANDONED}
    assert desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY).chosen == 0
    desk.decide(DeadLetterAction.UNDO_ABANDON, Filter(ids=tuple(ids)), by=BY)

    assert states(store, ids) == {DeadLetterState.OPEN}
    actions = [entry["action"] for entry in audit(store)]
    assert actions == ["dead_letter:abandon", "dead_letter:undo_abandon"]
    assert desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY).done == 1


def test_what_a_later_event_fixed_is_offered(store, desk):
    """F3: it is counted apart, not replayed, and closed on demand."""
    ada = UUID(int=7)
    [fixed] = dead(store, subject=f"member:{ada}", member_id=ada, at=NOW - timedelta(minutes=1))
    [other] = dead(store)
    [later] = receive(store, "evt_later", state=InboxState.DISPATCHED)
    store.inbox.assign_members({later: ada})
    store.inbox.finish([later], state=InboxState.PROCESSED, now=NOW)

    preview = desk.preview(DeadLetterAction.REPLAY, Filter())
    to_close = desk.preview(DeadLetterAction.CLOSE_FIXED, Filter()).count
    replayed = desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY)
    closed = desk.decide(DeadLetterAction.CLOSE_FIXED, Filter(), by=BY)

    assert (preview.count, preview.fixed) == (2, 1)
    assert to_close == 1
    assert (replayed.done, replayed.fixed, closed.done) == (1, 1, 1)
    assert states(store, [fixed]) == {DeadLetterState.RESOLVED}
    assert [row.state for row in rows_of(store, [fixed])] == [InboxState.SUPERSEDED]
    assert states(store, [other]) == {DeadLetterState.REPLAYING}


def test_letter_without_events_cannot_be_replayed(store, desk):
    """A failed run of a timetable has nothing to run again: its next run does it. It can be abandoned."""
    store.dead_letters.open_case(
        Failure(
            job="luma_auto_approval",
            subject="run:scheduled__1",
            error_class=ErrorClass.TRANSIENT,
            reason="the run failed",
        ),
        now=NOW,
    )

    assert desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY).done == 0
    assert desk.elsewhere(DeadLetterAction.REPLAY, Filter()) == {}
    assert desk.decide(DeadLetterAction.ABANDON, Filter(), by=BY).done == 1
    assert desk.elsewhere(DeadLetterAction.REPLAY, Filter()) == {DeadLetterState.ABANDONED: 1}


@pytest.fixture
def uncertain(store):
    """Give the letter of a welcome whose answer was lost; its event went well."""
    ada = UUID(int=7)
    [row] = receive(store, "evt_1", state=InboxState.DISPATCHED)
    store.inbox.finish([row], state=InboxState.PROCESSED, now=NOW)
    store.steps.plan("welcome", [ada], dag_run_id="run_1", now=NOW)
    key = f"welcome:{ada}"
    store.steps.intend([key], dag_run_id="run_1", now=NOW)
    store.steps.end([Ending(key=key, state=StepState.UNCERTAIN)], now=NOW)
    [letter] = [
        store.dead_letters.open_case(
            Failure(
                job="mailchimp_sync",
                subject=f"step:{key}",
                error_class=ErrorClass.UNCERTAIN,
                reason="the answer was lost",
                member_id=ada,
                inbox_ids=(row,),
            ),
            now=NOW,
        )
    ]
    return letter


def step_state(store):
    return store.connection.execute("SELECT state FROM ops.steps").fetchone()["state"]


def test_uncertain_effect_is_done_again(store, desk, uncertain):
    """A person has seen that it did not happen: it is planned, and its event runs once more."""
    desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY)

    assert step_state(store) == StepState.PLANNED
    assert [row.state for row in rows_of(store, [uncertain.id])] == [InboxState.WAITING]
    assert states(store, [uncertain.id]) == {DeadLetterState.REPLAYING}


def test_uncertain_effect_is_taken_as_done(store, desk, uncertain):
    """A mail cannot be called back: compensated means that it is never sent again."""
    desk.decide(DeadLetterAction.COMPENSATE, Filter(), by=BY)

    assert step_state(store) == StepState.DONE
    assert states(store, [uncertain.id]) == {DeadLetterState.COMPENSATED}
    assert [row.state for row in rows_of(store, [uncertain.id])] == [InboxState.PROCESSED]


def test_vendor_that_is_back_does_not_hurry_replays(store, desk):
    """A breaker that closes lets what waited for it be due; replays keep to so many a minute."""
    ids = dead(store, 3, vendor="mailchimp")
    store.connection.execute("UPDATE ops.inbox SET error_class = 'transient'")
    desk.decide(DeadLetterAction.REPLAY, Filter(), by=BY, per_minute=1)

    store.dead_letters.release("mailchimp", now=NOW)

    due = [row.due_at for row in rows_of(store, ids)]
    assert due == [NOW + timedelta(minutes=minutes) for minutes in range(3)]
