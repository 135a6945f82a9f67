"""A person's say in a planned end (D9), and what the vendors' next words make of it."""

import threading
from datetime import timedelta

import pytest

from include.errors import ActRefusedError
from include.membership.ends import EndState
from include.operate import ends_by_hand
from include.person import person_from
from tests.jobs.world import until

EMAIL = "ada@example.org"
GRACE = person_from("grace", "she called")
DAY = timedelta(days=1)
WAITS = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def planned(world):
    """Give the world in which Ada ends with her period, and her row."""
    world.run(*world.join(EMAIL))
    world.run(*world.act("cancel_at_period_end", email=EMAIL))
    [row] = world.store.deactivations.read_open()
    return row


def of(world, row):
    """Return the row as it is now."""
    return world.store.deactivations.get(row.id)


def revoke(world, row, store=None):
    return ends_by_hand.revoke(
        row.id, person=GRACE, now=world.clock.now(), store=store or world.store
    )


def move(world, row, at):
    return ends_by_hand.move(row.id, at, person=GRACE, now=world.clock.now(), store=world.store)


def run_now(world, row):
    return ends_by_hand.run_now(row.id, person=GRACE, now=world.clock.now(), store=world.store)


def last_audit(world):
    """Return the newest row of the audit log."""
    [row] = world.query("SELECT * FROM ops.audit_log ORDER BY id DESC LIMIT 1")
    return row


def scheduled(world, row):
    """Let the relay have made the row's run."""
    assert world.store.deactivations.scheduled(row, now=world.clock.now())


def cancelled(world):
    return [
        one.dag_run_id
        for one in world.store.deactivations.run_cancellations(superfluous_since=world.clock.now())
    ]


# --- each act: the row, its run, and the audit log ---


def test_revoked_end_takes_its_run_along(world, planned):
    """With who and why, before and after."""
    scheduled(world, planned)

    before, after = revoke(world, planned)

    assert (before.state, after.state) == (EndState.SCHEDULED, EndState.REVOKED)
    assert (after.actor, after.why) == ("user:grace", "she called")
    assert cancelled(world) == [planned.next_run_id]
    audit = last_audit(world)
    assert (audit["actor"], audit["action"]) == ("user:grace", "deactivation:revoke")
    assert audit["metadata"]["why"] == "she called"
    assert (audit["before"]["state"], audit["after"]["state"]) == ("scheduled", "revoked")


def undo(world, row):
    return ends_by_hand.undo(row.id, person=GRACE, now=world.clock.now(), store=world.store)


def test_revoked_end_can_be_planned_again(world, planned):
    """As it was, in a row of its own, with who and why; and once."""
    revoke(world, planned)

    before, after = undo(world, planned)

    assert (before.state, after.state) == (EndState.REVOKED, EndState.PENDING)
    assert (after.deactivate_at, after.vendor_at, after.reason) == (
        planned.deactivate_at,
        planned.vendor_at,
        planned.reason,
    )
    audit = last_audit(world)
    assert (audit["actor"], audit["action"]) == ("user:grace", "deactivation:plan")
    with pytest.raises(ActRefusedError, match=f"followed by deactivation {after.id}"):
        undo(world, planned)


def test_end_that_is_planned_again_comes(world, planned):
    """Nothing of the revocation is left: at its moment the membership is over."""
    revoke(world, planned)
    _, after = undo(world, planned)
    run_now(world, after)

    world.deactivate()

    assert status(world) == OVER


def test_only_what_a_person_has_revoked_is_planned_again(world, planned):
    """What is still planned is; what the vendors have revoked, they plan."""
    with pytest.raises(ActRefusedError, match="was not revoked by a person: it is"):
        undo(world, planned)
    world.store.deactivations.revoke(planned.id, why="she is back", now=world.clock.now())

    with pytest.raises(ActRefusedError, match="was not revoked by a person: it is revoked"):
        undo(world, planned)
    with pytest.raises(ActRefusedError, match="there is no deactivation 77"):
        ends_by_hand.undo(77, person=GRACE, now=world.clock.now(), store=world.store)


def test_moved_end_gets_another_run(world, planned):
    """The vendor's date stays beside hers."""
    scheduled(world, planned)
    later = planned.deactivate_at + 10 * DAY

    _, after = move(world, planned, later)

    assert (after.deactivate_at, after.vendor_at) == (later, planned.vendor_at)
    assert (after.state, after.generation) == (EndState.PENDING, planned.generation + 1)
    assert cancelled(world) == [planned.next_run_id]
    audit = last_audit(world)
    assert (audit["actor"], audit["action"]) == ("user:grace", "deactivation:move")
    assert audit["before"]["deactivate_at"] == planned.deactivate_at.isoformat()
    assert audit["after"]["deactivate_at"] == later.isoformat()


def test_end_that_is_to_be_now_is_due(world, planned):
    """The next run takes it."""
    _, after = run_now(world, planned)

    taken = world.store.deactivations.take(
        after.next_run_id, own_id=after.id, now=world.clock.now(), row_limit=10
    )
    assert [row.id for row in taken] == [planned.id]
    assert last_audit(world)["metadata"]["why"] == "she called"


def test_unknown_date_is_set_by_hand(world, planned):
    """What waited for a person has a date, and the vendors' silence is no news."""
    world.store.connection.execute(
        "UPDATE ops.deactivations SET state = 'date_unknown', deactivate_at = NULL, vendor_at = NULL"
    )
    at = world.clock.now() + DAY

    _, after = move(world, planned, at)

    assert (after.state, after.deactivate_at, after.vendor_at) == (EndState.PENDING, at, None)


def test_failed_end_is_tried_again(world, planned):
    """Another run, which takes it."""
    world.store.connection.execute("UPDATE ops.deactivations SET state = 'failed', why = 'x'")

    _, after = run_now(world, planned)

    assert after.state is EndState.PENDING


# --- what cannot be done ---


def test_unknown_row_is_refused(world):
    with pytest.raises(ActRefusedError, match="there is no deactivation 7"):
        ends_by_hand.revoke(7, person=GRACE, now=world.clock.now(), store=world.store)


@pytest.mark.parametrize("state", [EndState.DONE, EndState.REVOKED])
def test_row_that_is_over_is_refused(world, planned, state):
    """By every act, and nothing is written."""
    world.store.connection.execute("UPDATE ops.deactivations SET state = %s", [state])
    audited = len(world.audit())

    for act in (revoke, run_now, lambda w, r: move(w, r, w.clock.now() + DAY)):
        with pytest.raises(ActRefusedError, match=f"is over: it is {state}"):
            act(world, planned)

    assert len(world.audit()) == audited


def test_date_in_the_past_is_refused(world, planned):
    """Who wants that, says so."""
    with pytest.raises(ActRefusedError, match="use run-now"):
        move(world, planned, world.clock.now())


def test_what_is_carried_out_can_only_go_on(world, planned):
    """The membership is closed: its tags still have to follow."""
    world.store.connection.execute(
        "UPDATE ops.deactivations SET state = 'running', applied_at = now(), taken_by = 'r'"
    )

    with pytest.raises(ActRefusedError, match="has closed the membership at"):
        revoke(world, planned)
    with pytest.raises(ActRefusedError, match="being carried out by r"):
        run_now(world, planned)


def test_act_waits_for_the_members_lock(world, planned):
    """An event that is being applied comes first, and the act sees what it made."""
    refused = []

    def act(store):
        try:
            revoke(world, planned, store)
        except ActRefusedError as error:
            refused.append(str(error))

    with world.another() as other:
        thread = threading.Thread(target=act, args=(other.store,))
        with world.store.transaction():
            world.store.members.lock([planned.member_id])
            thread.start()
            with world.another() as third:
                until(lambda: third.query(WAITS))
            world.store.deactivations.revoke(planned.id, why="x", now=world.clock.now())
        thread.join(timeout=10)

    assert refused == [f"deactivation {planned.id} is over: it is revoked"]


# --- what the job makes of it ---


def status(world):
    """Return the membership's status, the profile and Mailchimp's tags."""
    [visible] = world.profiles()
    return str(world.member().memberships[0].status), visible, world.contact()["tags"]


OVER = ("canceled", False, {"alumni"})
IS_MEMBER = ("active", True, {"active", "pro"})


def test_end_that_is_to_be_now_closes_the_membership(world, planned):
    """Though Stripe has it paid for a month; and what Stripe says of that month does not bring her back."""
    run_now(world, planned)

    world.deactivate()
    after = status(world)
    world.run(*world.act("update_member", email=EMAIL, tier="leader"))

    assert after == OVER
    assert of(world, planned).state is EndState.DONE
    assert world.member().memberships[0].status == "canceled"


def test_who_was_ended_by_hand_may_come_back(world, planned):
    """She takes her cancellation back: a new activation."""
    run_now(world, planned)
    world.deactivate()

    world.run(*world.act("resume", email=EMAIL))

    assert status(world) == IS_MEMBER


def test_canceled_end_is_not_carried_out(world):
    """Stripe has ended it, and she keeps it."""
    world.run(*world.join(EMAIL))
    world.run(*world.act("cancel_at_period_end", email=EMAIL, in_seconds=3600))
    [row] = world.ends()
    revoke(world, row)
    known = len(world.sandbox.events())

    world.pass_time(seconds=3601)
    ended = world.events("customer.subscription.deleted", since=known)
    world.run(*ended)
    plan = world.deactivate()

    assert len(ended) == 1
    assert plan.taken == 0
    assert status(world) == ("active", True, world.contact()["tags"])
    assert "alumni" not in world.contact()["tags"]


def test_moved_end_is_carried_out_at_its_own_date(world):
    """Not at the vendor's."""
    world.run(*world.join(EMAIL))
    world.run(*world.act("cancel_at_period_end", email=EMAIL, in_seconds=3600))
    [row] = world.ends()
    move(world, row, row.deactivate_at + timedelta(hours=1))
    known = len(world.sandbox.events())

    world.pass_time(seconds=3601)
    world.run(*world.events("customer.subscription.deleted", since=known))
    early = world.deactivate("early")
    at_the_vendors_date = status(world)[:2]
    world.pass_time(seconds=3600)
    world.deactivate("late")

    assert early.taken == 0
    assert at_the_vendors_date == ("active", True)
    assert status(world) == OVER


# --- what the vendors say afterwards ---


def test_person_keeps_a_member_whom_stripe_ends(world, planned):
    """The same end told again, and then carried out, is the one she decided about."""
    revoke(world, planned)

    world.run(*world.act("update_member", email=EMAIL, tier="leader"))
    world.run(*world.act("cancel_now", email=EMAIL))

    assert of(world, planned).state is EndState.REVOKED
    assert world.store.deactivations.read_open() == []
    assert world.member().memberships[0].status == "active"
    assert "active" in world.contact()["tags"]


def test_persons_date_holds_when_the_same_end_is_told_again(world, planned):
    """Also when Stripe carries it out before her date."""
    later = planned.deactivate_at + 10 * DAY
    move(world, planned, later)

    world.run(*world.act("update_member", email=EMAIL, tier="leader"))
    world.run(*world.act("cancel_now", email=EMAIL))

    assert of(world, planned).deactivate_at == later
    assert of(world, planned).actor == "user:grace"
    assert world.member().memberships[0].status == "active"


def test_another_end_overrules_a_persons_date(world, planned):
    """She decided about that end; this is another one."""
    move(world, planned, planned.deactivate_at + 10 * DAY)

    world.run(*world.act("cancel_at", email=EMAIL, in_seconds=5 * 86400))

    row = of(world, planned)
    assert row.deactivate_at == row.vendor_at != planned.vendor_at
    assert (row.actor, row.reason) == (None, "cancel_at")


def test_another_end_is_planned_though_one_was_canceled(world, planned):
    revoke(world, planned)

    world.run(*world.act("cancel_at", email=EMAIL, in_seconds=5 * 86400))

    [row] = world.store.deactivations.read_open()
    assert row.id != planned.id


def test_return_ends_what_a_person_has_moved(world, planned):
    """The member has changed her mind: there is no end any more, hers or anybody's."""
    move(world, planned, planned.deactivate_at + 10 * DAY)

    world.run(*world.act("resume", email=EMAIL))

    assert of(world, planned).state is EndState.REVOKED
    assert of(world, planned).actor is None
