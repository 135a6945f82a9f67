"""What fails in a batch is tried again alone, five times, and is one dead letter then: C1, C3, C4, F1, F6, F8, F9."""

import itertools
from datetime import timedelta

import pytest

from include.clock import FixedClock, SystemClock
from include.errors import ErrorClass, VendorUnavailableError
from include.failures.breakers import pause, resume
from include.failures.dead_letters import DeadLetterService
from include.failures.retry_policy import MAX_RETRIES
from include.jobs.webhook_retry import steps as job
from include.person import Person
from include.store.breakers import BreakerState
from include.store.dead_letters import DeadLetterAction, DeadLetterState, Filter
from include.store.inbox import InboxState

HTML = "<html><body>Service Unavailable</body></html>"
DOWN = {
    "429": {"kind": "status", "status": 429, "body": None},
    "bare 403": {"kind": "status", "status": 403, "body": None},
    "503 page": {"kind": "status", "status": 503, "body": HTML},
    "reset": {"kind": "reset"},
}
SLOW = {
    "title": "Invalid Resource",
    "status": 400,
    "detail": "ada@example.org has signed up to a lot of lists very recently; we're not allowing more signups for now",
}
BY = Person(actor="user:grace", why="mended")
ALL = tuple(DeadLetterState)


@pytest.fixture
def moving(world):
    """Give the world with a clock that only moves when told."""
    world.clock = FixedClock(SystemClock().now())
    return world


@pytest.fixture
def failed(moving):
    """Give the rows of one new member whose batch could not reach Mailchimp; it is still down."""
    ids = moving.receive(*moving.join())
    down(moving)
    batch(moving, ids)
    return ids


def down(world, kind="status", **options):
    world.sandbox.fault("mailchimp", kind, times=1000, **(options or {"status": 503}))


def up(world):
    """Mend the vendor, and prove that the fault was met."""
    assert world.sandbox.fired() > 0
    world.sandbox.ask("DELETE", "faults")


def batch(world, ids, run="run_batch"):
    """Do what the batch's last try does."""
    plan = world.load(ids, run, is_last_try=True)
    if plan.members:
        world.update(run, is_last_try=True)
        world.welcome(run, is_last_try=True)
        world.record(run)


def claim(world):
    """Have the relay take what is due for a retry."""
    return world.store.dispatches.claim_retry(
        job.JOB, now=world.clock.now(), max_in_flight=4, member_limit=100
    )


def attempt(world, taken, number=1, *, total=None, opens_after=5):
    """Make one try of a run."""
    return job.retry_rows(
        taken.inbox_ids,
        dag_run_id=taken.dag_run_id,
        which=job.AttemptNumber(
            number=number, total=total or number, is_last=number == MAX_RETRIES
        ),
        store=world.store,
        vendors=job.RetryCollaborators(
            stripe=world.stripe, clerk=world.clerk, mailchimp=world.mailchimp, connections=10
        ),
        clock=world.clock,
        opens_after=opens_after,
    )


def exhaust(world):
    """Let all tries of a run fail, each when it is due, and return the run."""
    world.clock.advance(timedelta(seconds=1))
    taken = claim(world)
    for number in range(1, MAX_RETRIES):
        with pytest.raises(VendorUnavailableError):
            attempt(world, taken, number)
        world.clock.advance(timedelta(seconds=2**number))
    assert attempt(world, taken, MAX_RETRIES).dead
    return taken


def letter(world):
    [only] = world.store.dead_letters.select(Filter(states=ALL))
    return only


def test_rows_that_fail_together_are_tried_alone_and_together(failed, moving):
    """One second after the batch, in one run of the member, under an id that names the try."""
    assert claim(moving) is None
    assert moving.store.inbox.next_retry() == moving.clock.now() + timedelta(seconds=1)

    moving.clock.advance(timedelta(seconds=1))
    taken = claim(moving)

    assert taken.inbox_ids == failed
    assert taken.dag_run_id.startswith("retry.batch.")
    assert taken.dag_run_id.endswith(".try2")
    assert claim(moving) is None
    assert letter(moving).state is DeadLetterState.RETRYING


@pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
def test_five_tries_then_one_dead_letter(moving, fault):
    """C1, F1: due 1, 2, 4, 8 and 16 s after the one before; the letter has every try with its times."""
    ids = moving.receive(*moving.join())
    down(moving, **fault)
    batch(moving, ids)

    taken = exhaust(moving)

    up(moving)
    dead = letter(moving)
    assert (dead.state, dead.error_class, dead.job) == (
        DeadLetterState.OPEN,
        ErrorClass.TRANSIENT,
        "mailchimp_sync",
    )
    assert moving.store.dead_letters.inbox_ids(dead.id) == ids
    assert set(moving.rows(ids)) == {InboxState.DEAD}
    tries = moving.store.dead_letters.attempts(dead.id)
    assert [a.job for a in tries] == ["mailchimp_sync", *["webhook_retry"] * 5]
    assert {a.dag_run_id for a in tries[1:]} == {taken.dag_run_id}
    pauses = [(b.due_at - a.ended_at).total_seconds() for a, b in itertools.pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16]
    assert {a.lag_seconds for a in tries[1:]} == {0}
    assert moving.store.dispatches.in_flight() == []
    assert claim(moving) is None
    assert "dead_letter:open" in moving.audit()


def test_try_that_goes_well_closes_the_case(failed, moving):
    """The member is as she should be, nothing waits for anybody."""
    moving.clock.advance(timedelta(seconds=1))
    taken = claim(moving)
    with pytest.raises(VendorUnavailableError):
        attempt(moving, taken, 1)
    up(moving)

    assert attempt(moving, taken, 2).dead == ()

    assert letter(moving).state is DeadLetterState.RESOLVED
    assert set(moving.rows(failed)) == {InboxState.PROCESSED}
    assert moving.welcomes() == ["ada@example.org"]


def test_lost_answer_makes_no_second_member(moving):
    """C4: the upsert had been done, its answer was lost; a repeat changes nothing."""
    ids = moving.receive(*moving.join())
    down(moving, "lost_answer", path="*/members/*")
    batch(moving, ids)
    moving.clock.advance(timedelta(seconds=1))
    up(moving)

    attempt(moving, claim(moving))

    assert moving.contact()["tags"] == {"active", "pro"}
    assert moving.welcomes() == ["ada@example.org"]
    assert set(moving.rows(ids)) == {InboxState.PROCESSED}


def test_replay_that_fails_again_is_the_same_letter(failed, moving):
    """F8: with one more attempt, not another row and not five tries more."""
    exhaust(moving)
    before = letter(moving)
    DeadLetterService(moving.store, clock=moving.clock).decide(
        DeadLetterAction.REPLAY, Filter(), by=BY
    )

    batch(moving, failed, run="run_replay")

    after = letter(moving)
    assert (after.id, after.state) == (before.id, DeadLetterState.OPEN)
    assert after.attempts == before.attempts + 1
    assert set(moving.rows(failed)) == {InboxState.DEAD}
    assert claim(moving) is None


def test_replay_after_the_fault_ends_as_if_nothing_had_been(failed, moving):
    """The same end state; the letter is closed, and each step of it audited without a gap."""
    exhaust(moving)
    up(moving)
    DeadLetterService(moving.store, clock=moving.clock).decide(
        DeadLetterAction.REPLAY, Filter(), by=BY
    )

    moving.run_rows(failed)

    assert letter(moving).state is DeadLetterState.REPLAYED
    assert set(moving.rows(failed)) == {InboxState.PROCESSED}
    assert moving.contact()["tags"] == {"active", "pro"}
    assert moving.welcomes() == ["ada@example.org"]
    entries = moving.query(
        "SELECT seq, action FROM ops.audit_log WHERE target LIKE 'dead_letter:%%' ORDER BY seq"
    )
    assert [(e["seq"], e["action"]) for e in entries] == [
        (1, "dead_letter:open"),
        (2, "dead_letter:replay"),
        (3, "dead_letter:replayed"),
    ]


def test_clearing_a_dead_run_tries_once_more(failed, moving):
    """A person clears the red run in the Airflow UI: the row is taken, dead or not."""
    taken = exhaust(moving)
    up(moving)

    attempt(moving, taken, 1, total=6)

    assert letter(moving).state is DeadLetterState.RESOLVED
    assert set(moving.rows(failed)) == {InboxState.PROCESSED}


def test_too_many_lists_waits_for_hours(moving):
    """C3: due after 1, 6 and 24 hours, in a batch, and dead only then."""
    ids = moving.receive(*moving.join())
    down(moving, "status", status=400, body=SLOW)
    waits = []
    for number in range(4):
        batch(moving, ids, run=f"run_{number}")
        [row] = {(r.state, r.due_at) for r in moving.store.inbox.rows(ids)}
        if row[1]:
            waits.append((row[1] - moving.clock.now()) / timedelta(hours=1))
            moving.clock.advance(row[1] - moving.clock.now())

    up(moving)
    assert waits == [1, 6, 24]
    assert set(moving.rows(ids)) == {InboxState.DEAD}
    dead = letter(moving)
    assert (dead.state, dead.error_class, dead.attempts) == (
        DeadLetterState.OPEN,
        ErrorClass.SLOW_TRANSIENT,
        4,
    )


def test_poison_is_dead_and_holds_nobody_up(moving):
    """F9: what is behind it in the same batch is done; it is one letter with its reason."""
    poison = {
        "id": "evt_poison",
        "type": "customer.updated",
        "vendor": "stripe",
        "payload": '{"id": "evt_poison", "type": "customer.updated", "created": 1, "data": 5}',
    }
    ids = moving.receive(poison, *moving.join())

    moving.run_rows(ids)

    states = moving.rows(ids)
    assert states[0] is InboxState.DEAD
    assert set(states[1:]) == {InboxState.PROCESSED}
    dead = letter(moving)
    assert (dead.error_class, dead.subject) == (ErrorClass.PAYLOAD, f"row:{ids[0]}")
    assert dead.reason.startswith("cannot be read")


def test_uncertain_welcome_is_a_letter(moving):
    """Its answer was lost: nobody repeats it; a person finds that she has it, and closes the letter."""
    ids = moving.receive(*moving.join())
    moving.sandbox.fault("mailchimp", "lost_answer", path="/customer-journeys/*", times=1)

    moving.run_rows(ids)

    assert moving.sandbox.fired() == 1
    uncertain = letter(moving)
    assert (uncertain.state, uncertain.error_class) == (DeadLetterState.OPEN, ErrorClass.UNCERTAIN)
    assert uncertain.subject.startswith("step:welcome:")
    assert moving.store.dead_letters.inbox_ids(uncertain.id)
    DeadLetterService(moving.store, clock=moving.clock).decide(
        DeadLetterAction.COMPENSATE, Filter(), by=BY
    )
    assert moving.steps() == ["done"]
    assert letter(moving).state is DeadLetterState.COMPENSATED
    assert moving.welcome_calls() == 1


def test_uncertain_welcome_is_sent_on_demand(moving):
    """A person finds that she does not have it: her event runs again, and it is sent once."""
    ids = moving.receive(*moving.join())
    moving.sandbox.fault("mailchimp", "reset", path="/customer-journeys/*", times=1)
    moving.run_rows(ids)
    assert moving.steps() == ["uncertain"]

    DeadLetterService(moving.store, clock=moving.clock).decide(
        DeadLetterAction.REPLAY, Filter(), by=BY
    )
    moving.run_rows(ids)

    assert moving.steps() == ["done"]
    assert moving.welcomes() == ["ada@example.org"]
    assert letter(moving).state is DeadLetterState.REPLAYED


def test_compensation_twice_is_the_same(moving):
    """F6: our tags are taken off the contact that was never in line, the welcome is never sent."""
    ids = moving.receive(*moving.join())
    down(moving, path="*/tags")
    batch(moving, ids)
    exhaust(moving)
    up(moving)
    desk = DeadLetterService(moving.store, clock=moving.clock)
    desk.decide(DeadLetterAction.COMPENSATE, Filter(), by=BY)
    taken = claim(moving)
    attempt(moving, taken)
    once = (moving.contact(), moving.steps(), moving.audit())

    attempt(moving, taken, 1, total=2)
    again = desk.decide(DeadLetterAction.COMPENSATE, Filter(), by=BY)

    assert again.chosen == 0
    assert (moving.contact(), moving.steps(), moving.audit()) == once
    assert once[0]["tags"] == set()
    assert once[1] == ["refused"]
    assert letter(moving).state is DeadLetterState.COMPENSATED
    assert set(moving.rows(ids)) == {InboxState.IGNORED}


def test_compensation_waits_for_a_vendor_that_is_down(failed, moving):
    """As everything else does, for `webhook_retry` and not for the job, which would do what is to be undone."""
    exhaust(moving)
    DeadLetterService(moving.store, clock=moving.clock).decide(
        DeadLetterAction.COMPENSATE, Filter(), by=BY
    )
    attempt(moving, claim(moving), MAX_RETRIES, opens_after=1)
    probe_at = moving.store.breakers.get("mailchimp").probe_at
    assert letter(moving).state is DeadLetterState.COMPENSATING
    assert {(row.state, row.due_at) for row in moving.store.inbox.rows(failed)} == {
        (InboxState.FAILED, probe_at)
    }
    assert claim(moving) is None
    up(moving)
    moving.clock.advance(probe_at - moving.clock.now())

    attempt(moving, claim(moving))

    assert letter(moving).state is DeadLetterState.COMPENSATED
    assert moving.store.breakers.get("mailchimp").state is BreakerState.CLOSED
    assert set(moving.rows(failed)) == {InboxState.IGNORED}


def test_compensation_calls_nobody_who_is_left_alone(failed, moving):
    """It waits for the probe without a call, and is due with all others when that has gone well."""
    exhaust(moving)
    desk, now = DeadLetterService(moving.store, clock=moving.clock), moving.clock.now()
    desk.decide(DeadLetterAction.COMPENSATE, Filter(), by=BY)
    pause("mailchimp", until=now + timedelta(hours=1), person=BY, store=moving.store, now=now)
    taken, calls = claim(moving), moving.sandbox.count("mailchimp")

    attempt(moving, taken)

    assert moving.sandbox.count("mailchimp") == calls
    assert letter(moving).state is DeadLetterState.COMPENSATING
    resume("mailchimp", person=BY, store=moving.store, now=now)
    up(moving)
    attempt(moving, claim(moving))
    assert letter(moving).state is DeadLetterState.COMPENSATED


def test_compensation_that_fails_comes_back_to_its_letter(failed, moving):
    """F6: five tries of it, then the letter waits for a person again, with the tries."""
    exhaust(moving)
    DeadLetterService(moving.store, clock=moving.clock).decide(
        DeadLetterAction.COMPENSATE, Filter(), by=BY
    )
    taken = claim(moving)
    before = letter(moving).attempts

    for number in range(1, MAX_RETRIES):
        with pytest.raises(VendorUnavailableError):
            attempt(moving, taken, number)
    attempt(moving, taken, MAX_RETRIES)

    up(moving)
    after = letter(moving)
    assert (after.state, after.attempts) == (DeadLetterState.OPEN, before + 5)
    assert set(moving.rows(failed)) == {InboxState.DEAD}
