"""A vendor that is down as a whole fills no list of dead letters: its rows wait, one probe finds out, all is done."""

from datetime import timedelta

import pytest

from include.clock import FixedClock, SystemClock
from include.errors import ActRefusedError
from include.failures.breakers import VENDORS, note_success, pause, probe_now, resume
from include.jobs.mailchimp_sync.load import ASKED
from include.person import person_from
from include.store.breakers import BreakerState
from include.store.dead_letters import DeadLetterState
from include.store.inbox import InboxState
from include.store.metrics import open_breakers
from include.vendors.mailchimp.client import VENDOR, subscriber_hash
from tests.jobs.test_webhook_retry import attempt, batch, claim

GRACE = person_from("grace", "they move")
HOUR = timedelta(hours=1)
NAMES = ("ada", "eve", "joan", "mary", "grace", "radia")


@pytest.fixture
def moving(world):
    """Give the world with a clock that only moves when told."""
    world.clock = FixedClock(SystemClock().now())
    return world


@pytest.fixture
def waiting(moving):
    """Give the rows of six new members whose batch found Mailchimp down."""
    ids = [
        row for name in NAMES for row in moving.receive(*moving.join(email=f"{name}@example.org"))
    ]
    moving.sandbox.fault("mailchimp", "status", status=503, times=1000)
    batch(moving, ids)
    return ids


def breaker(world):
    return world.store.breakers.get("mailchimp")


def take(world, *, batch_size=500):
    """Have the relay take what is due for the job itself."""
    return world.store.dispatches.claim(
        "mailchimp_sync",
        now=world.clock.now(),
        max_in_flight=4,
        batch_size=batch_size,
        member_limit=100,
    )


def calls(world):
    return world.sandbox.count("mailchimp")


def test_rows_wait_for_the_probe(waiting, moving):
    """No dead letter, no run that tries them one by one; all are due when the probe is."""
    assert breaker(moving).state is BreakerState.OPEN
    rows = moving.store.inbox.rows(waiting)
    assert {(row.state, row.due_at) for row in rows} == {
        (InboxState.WAITING, breaker(moving).probe_at)
    }
    assert claim(moving) is None
    assert set(moving.store.dead_letters.counts()) == {DeadLetterState.RETRYING}
    assert "breaker:open" in moving.audit()


def test_while_it_is_open_nobody_calls(waiting, moving):
    """A new event's platform part is done all the same, and it waits like the others."""
    before = calls(moving)
    ids = moving.receive(*moving.join(email="new@example.org"))

    batch(moving, ids, run="run_new")

    assert calls(moving) == before
    assert set(moving.rows(ids)) == {InboxState.WAITING}
    assert len(moving.members()) == len(NAMES) + 1


def test_failed_probe_is_one_call_and_a_longer_pause(waiting, moving):
    """One member is called for; the others go on waiting, five minutes this time."""
    moving.clock.advance(timedelta(minutes=1))
    taken = take(moving)
    before = calls(moving)

    batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert calls(moving) == before + 1
    due = {row.due_at for row in moving.store.inbox.rows(waiting)}
    assert due == {moving.clock.now() + timedelta(minutes=5)}
    assert set(moving.rows(waiting)) == {InboxState.WAITING}


def test_probe_that_goes_well_drains_the_backlog(waiting, moving):
    """The run that probes does its own members; what was left waiting is due at once."""
    moving.clock.advance(timedelta(minutes=1))
    taken = take(moving, batch_size=3)
    moving.sandbox.ask("DELETE", "faults")
    rest = sorted(set(waiting) - set(taken.inbox_ids))
    moving.query(
        "UPDATE ops.inbox SET due_at = %s WHERE id = ANY(%s) RETURNING 1",
        moving.clock.now() + timedelta(hours=1),
        rest,
    )

    batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert breaker(moving).state is BreakerState.CLOSED
    drained = take(moving)
    assert drained.inbox_ids == rest
    batch(moving, drained.inbox_ids, run=drained.dag_run_id)
    assert set(moving.rows(waiting)) == {InboxState.PROCESSED}
    assert len(moving.welcomes()) == len(NAMES)
    assert set(moving.store.dead_letters.counts()) == {DeadLetterState.RESOLVED}
    assert [a for a in moving.audit() if a.startswith("breaker")] == [
        "breaker:open",
        "breaker:probing",
        "breaker:closed",
    ]


def test_retry_that_opens_it_hands_its_rows_back(moving):
    """The vendor turns out to be down as a whole in the middle of a member's tries: they end there."""
    ids = moving.receive(*moving.join())
    moving.sandbox.fault("mailchimp", "status", status=503, times=1000)
    batch(moving, ids)
    moving.clock.advance(timedelta(seconds=1))
    taken = claim(moving)

    attempt(moving, taken, opens_after=1)

    assert breaker(moving).state is BreakerState.OPEN
    assert set(moving.rows(ids)) == {InboxState.WAITING}
    assert moving.store.dispatches.in_flight() == []


def test_stripe_has_a_breaker_of_its_own(moving):
    """Questions that it does not answer open it, not Mailchimp's."""
    ids = [
        row
        for name in NAMES
        for row in moving.receive(
            *[e for e in moving.join(email=f"{name}@example.org") if "checkout" in e["type"]]
        )
    ]
    moving.sandbox.fault("stripe", "status", status=503, times=1000)

    batch(moving, ids)

    assert moving.sandbox.fired() > 0
    assert moving.store.breakers.get("stripe").state is BreakerState.OPEN
    assert breaker(moving) is None
    assert set(moving.rows(ids)) == {InboxState.WAITING}
    before = moving.sandbox.count("stripe")
    moving.clock.advance(timedelta(minutes=1))
    moving.sandbox.ask("DELETE", "faults")
    taken = take(moving)
    batch(moving, taken.inbox_ids, run=taken.dag_run_id)
    assert moving.sandbox.count("stripe") > before
    assert set(moving.rows(ids)) == {InboxState.PROCESSED}


def test_one_that_always_fails_does_not_hold_it_open(waiting, moving):
    """Each probe calls for another member: the second finds that the vendor is back for all but one."""
    moving.sandbox.ask("DELETE", "faults")
    pending = sorted(member.id for member in moving.members())
    first_asked = moving.store.members.read([pending[1]])[pending[1]]  # it has opened once
    path = f"/lists/*/members/{subscriber_hash(first_asked.email)}"
    moving.sandbox.fault("mailchimp", "status", status=503, path=path, times=1000)
    for minutes in (1, 5):
        moving.clock.advance(timedelta(minutes=minutes))
        taken = take(moving)
        batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert moving.sandbox.fired() > 0
    assert breaker(moving).state is BreakerState.CLOSED
    assert len(moving.welcomes()) == len(NAMES) - 1


def test_person_has_a_vendor_tried_at_once(waiting, moving):
    """What waits is due now, and the run that takes it probes: one call, and all is done."""
    assert take(moving) is None
    moving.sandbox.ask("DELETE", "faults")

    stood = probe_now("mailchimp", store=moving.store, now=moving.clock.now())

    assert stood.state is BreakerState.OPEN
    taken = take(moving)
    assert taken.inbox_ids == waiting
    batch(moving, taken.inbox_ids, run=taken.dag_run_id)
    assert breaker(moving).state is BreakerState.CLOSED
    assert set(moving.rows(waiting)) == {InboxState.PROCESSED}


def test_probe_of_a_person_that_fails_is_one_call(waiting, moving):
    """Asked for too soon, it costs the vendor one call and makes the pause longer, as any probe does."""
    probe_now("mailchimp", store=moving.store, now=moving.clock.now())
    taken = take(moving)
    before = calls(moving)

    batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert calls(moving) == before + 1
    assert breaker(moving).probe_at == moving.clock.now() + timedelta(minutes=5)


def test_vendor_that_is_called_is_not_probed(moving):
    """Nothing is changed where nothing is wrong."""
    moving.run(*moving.join())

    stood = probe_now("mailchimp", store=moving.store, now=moving.clock.now())

    assert stood is None or stood.state is BreakerState.CLOSED


def test_every_vendor_with_a_breaker_can_be_named():
    """`ops probe` offers them."""
    assert {VENDOR, *ASKED} == set(VENDORS)


@pytest.fixture
def paused(moving):
    """Give the rows of a new member that came in while a person has paused Mailchimp for an hour."""
    until = moving.clock.now() + HOUR
    pause("mailchimp", until=until, person=GRACE, store=moving.store, now=moving.clock.now())
    ids = moving.receive(*moving.join())
    batch(moving, ids)
    return ids


def test_paused_vendor_is_not_called_and_what_needs_it_waits(paused, moving):
    """As for one that is down, until the time is over; then it is called as ever, without a probe."""
    assert calls(moving) == 0
    [due] = {row.due_at for row in moving.store.inbox.rows(paused)}
    assert due == moving.clock.now() + HOUR
    assert set(moving.rows(paused)) == {InboxState.WAITING}
    moving.clock.advance(HOUR)
    assert open_breakers(moving.store, now=moving.clock.now()) == []
    taken = take(moving)

    batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert breaker(moving).state is BreakerState.CLOSED
    assert breaker(moving).paused_by is None
    assert set(moving.rows(paused)) == {InboxState.PROCESSED}
    assert len(moving.welcomes()) == 1


def test_call_that_was_under_way_ends_no_pause(paused, moving):
    """A run that was let through before comes back with an answer; nobody has it tried before the time either."""
    note_success("mailchimp", store=moving.store, clock=moving.clock, dag_run_id="run_before")
    with pytest.raises(ActRefusedError, match="Mailchimp is paused"):
        probe_now("mailchimp", store=moving.store, now=moving.clock.now())

    assert breaker(moving).is_paused(moving.clock.now())
    assert take(moving) is None


def test_person_ends_a_pause_before_its_time(paused, moving):
    """What waits is due at once; both are in the audit log with who and why."""
    resume("mailchimp", person=GRACE, store=moving.store, now=moving.clock.now())
    taken = take(moving)
    batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert set(moving.rows(paused)) == {InboxState.PROCESSED}
    told = (
        "SELECT action, actor, metadata FROM ops.audit_log WHERE actor = 'user:grace' ORDER BY id"
    )
    assert moving.query(told) == [
        {"action": f"breaker:{act}", "actor": "user:grace", "metadata": {"why": "they move"}}
        for act in ("pause", "resume")
    ]
    with pytest.raises(ActRefusedError, match="not paused any more"):
        resume("mailchimp", person=GRACE, store=moving.store, now=moving.clock.now())


@pytest.mark.parametrize("is_ended", [True, False])
def test_vendor_that_was_down_when_it_was_paused_is_probed_after_it(waiting, moving, is_ended):
    """One call finds out, whether the time is over or a person has ended the pause."""
    now = moving.clock.now()
    pause("mailchimp", until=now + HOUR, person=GRACE, store=moving.store, now=now)
    moving.clock.advance(timedelta(minutes=5) if is_ended else HOUR)
    if is_ended:
        resume("mailchimp", person=GRACE, store=moving.store, now=moving.clock.now())
    moving.store.dead_letters.release("mailchimp", now=moving.clock.now())
    before = calls(moving)
    taken = take(moving)

    batch(moving, taken.inbox_ids, run=taken.dag_run_id)

    assert calls(moving) == before + 1
    assert breaker(moving).state is BreakerState.OPEN
    assert breaker(moving).probe_at == moving.clock.now() + timedelta(minutes=5)
    assert breaker(moving).paused_by is None
