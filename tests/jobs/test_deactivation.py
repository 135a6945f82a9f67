"""Memberships end when their period does, and not before: cases D1 to D5, C9 and C10 of the faults."""

from datetime import timedelta
from itertools import permutations

import pytest

from include.membership.ends import EndReason, EndState
from tests import factories
from tests.jobs.deactivation_world import ADA, HOUR, is_over, the_end


def test_membership_ends_with_its_period(leaving):
    """Everything goes at once: status, profile, tags; and the audit log says who did it."""
    leaving.pass_time(seconds=HOUR + 1)

    plan = leaving.deactivate("run_1", the_end(leaving).id)

    assert (plan.taken, plan.to_be) == (1, 1)
    assert is_over(leaving)
    [line] = leaving.query(
        "SELECT * FROM ops.audit_log WHERE action = 'member:deactivated' ORDER BY id"
    )
    assert (line["actor"], line["dag_run_id"]) == ("system:deactivation", "run_1")
    assert line["before"]["memberships"][0]["status"] == "active"
    assert line["after"]["memberships"][0]["status"] == "canceled"
    assert line["after"]["contact"]["tags"] == ["alumni"]
    assert line["metadata"]["deactivation_id"] == the_end(leaving).id
    assert "@" not in str(line)


def test_nothing_is_done_before_the_moment(leaving):
    """Not a second before; and a run that came too early leaves the row to another one."""
    leaving.pass_time(seconds=HOUR - 2)
    row = the_end(leaving)
    leaving.store.deactivations.scheduled(row, now=leaving.clock.now())
    writes = leaving.writes()

    plan = leaving.deactivate(row.next_run_id, row.id)

    assert (plan.taken, plan.to_be) == (0, 0)
    assert leaving.profiles() == [True]
    assert leaving.writes() == writes
    assert (the_end(leaving).state, the_end(leaving).generation) == (EndState.PENDING, 2)


def test_stripe_need_not_have_carried_it_out(leaving):
    """Stripe ends subscriptions up to an hour late: the period counts, not its word."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)

    leaving.deactivate()

    assert is_over(leaving)


def test_stripes_own_end_changes_nothing_any_more(leaving):
    """Its event comes after ours: no second run, no change at Mailchimp, the profile stays hidden."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.deactivate()
    writes = leaving.writes()

    leaving.sandbox.ask("POST", "clock", json={"advance_seconds": HOUR + 1})  # carries it out
    [deleted] = leaving.events("customer.subscription.deleted")
    leaving.run(deleted)

    assert leaving.writes() == writes
    assert leaving.audit().count("member:deactivated") == 1
    assert is_over(leaving)


def test_who_comes_back_in_time_never_notices(leaving):
    """Her event has not even been received: Stripe is asked. All that follows is skipped."""
    leaving.act("resume", email=ADA)
    writes, audit = leaving.writes(), leaving.audit()
    leaving.pass_time(seconds=HOUR + 1, settles=False)

    plan = leaving.deactivate()

    assert (plan.taken, plan.to_be) == (1, 0)
    assert "go on" in plan.reason
    assert (the_end(leaving).state, the_end(leaving).why) == (
        EndState.REVOKED,
        "the membership goes on",
    )
    assert leaving.profiles() == [True]
    assert leaving.writes() == writes
    assert leaving.audit() == [*audit, "deactivation:revoke"]


def test_event_of_who_came_back_revokes_it_while_the_run_goes_on(leaving):
    """Between the decision and the deed: the deed is not done."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.check("run_1")
    leaving.run(*leaving.act("resume", email=ADA))

    assert leaving.end("run_1") == 0

    assert the_end(leaving).state is EndState.REVOKED
    assert leaving.profiles() == [True]
    assert leaving.contact()["tags"] == {"active", "pro"}


def test_who_comes_back_later_is_a_new_activation(leaving):
    """Profile and tags come back; nobody is welcomed twice."""
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.deactivate()
    assert is_over(leaving)

    leaving.run(*leaving.act("resume", email=ADA))

    assert [m.status for m in leaving.member().memberships] == ["active"]
    assert leaving.profiles() == [True]
    assert leaving.contact()["tags"] == {"active", "pro"}
    assert leaving.contact()["status"] == "subscribed"
    assert leaving.welcomes() == [ADA]
    assert leaving.audit()[-2:] == ["profile:show", "mailchimp:update"]


def test_profile_that_she_had_hidden_stays_hers(leaving):
    """A return shows what a deactivation has hidden, and nothing else."""
    leaving.query("UPDATE public.users SET is_visible = false RETURNING id")
    leaving.pass_time(seconds=HOUR + 1, settles=False)
    leaving.deactivate()

    leaving.run(*leaving.act("resume", email=ADA))

    assert leaving.profiles() == [False]


def test_moved_end_gets_a_run_of_its_own(leaving):
    """D3: Stripe says another date than the row, and its event is not here yet: nothing ends now."""
    leaving.act("cancel_at", email=ADA, in_seconds=2 * HOUR)
    row = the_end(leaving)
    leaving.pass_time(seconds=HOUR + 1, settles=False)

    plan = leaving.deactivate()

    moved = the_end(leaving)
    assert (plan.taken, plan.to_be) == (1, 0)
    assert (moved.state, moved.generation) == (EndState.PENDING, row.generation + 1)
    assert moved.deactivate_at - row.deactivate_at >= timedelta(seconds=HOUR)
    assert leaving.profiles() == [True]


def test_end_that_lost_its_date_waits_for_a_person(leaving, monkeypatch):
    """D3: a missing period end never means now."""
    row = the_end(leaving)
    monkeypatch.setattr(leaving, "stripe", DatelessStripe(row.subscription_id))
    leaving.pass_time(seconds=HOUR + 1, settles=False)

    plan = leaving.deactivate()

    assert (plan.taken, plan.to_be) == (1, 0)
    assert (the_end(leaving).state, the_end(leaving).deactivate_at) == (EndState.DATE_UNKNOWN, None)
    assert leaving.profiles() == [True]


class DatelessStripe:
    """A Stripe whose subscription ends with a period that nobody knows the end of."""

    def __init__(self, subscription_id):
        self.subscription_id = subscription_id

    def read_subscription(self, _id):
        """Return it as an API version might that we cannot read."""
        from include.events import event_from

        shown = factories.subscription(
            self.subscription_id, period_end=None, cancel_at_period_end=True
        )
        event = factories.stripe_event("customer.subscription.updated", shown)
        body = factories.as_body(event)
        return event_from(provider="stripe", event_id="evt_x", body=body).subject


def test_second_membership_keeps_her(world):
    """She ends one of two: that one is over, and she stays what she was."""
    world.run(*world.join())
    customer = world.member().stripe_customer_id
    later = world.clock.now() + timedelta(days=90)
    second = factories.subscription("sub_second", customer, tier="leader", period_end=later)
    world.run(factories.stripe_event("customer.subscription.created", second, at=world.clock.now()))
    world.run(*world.act("cancel_at_period_end", email=ADA, in_seconds=HOUR))
    world.pass_time(seconds=HOUR + 1)

    world.deactivate()

    assert {m.status for m in world.member().memberships} == {"active", "canceled"}
    assert world.profiles() == [True]
    assert world.contact()["tags"] == {"active", "leader"}


@pytest.mark.parametrize(
    ("story", "reason"),
    [("cancel_now", EndReason.DELETED), ("payment_given_up", EndReason.DELETED)],
)
def test_ended_now_is_due_at_once(world, story, reason):
    """D4: what Stripe has ended, and nobody has paid for, is due when its event has been applied."""
    world.run(*world.join())
    world.run(*world.act(story, email=ADA))
    if story == "cancel_now":  # she has paid until her period ends
        assert world.deactivate().taken == 0
        world.pass_time(seconds=32 * 24 * HOUR, settles=False)

    world.deactivate()

    assert the_end(world).reason is reason
    assert is_over(world)


def test_refund_is_due_at_once(world):
    """D4: who has her money back is no member any more."""
    world.run(*world.join())
    world.run(*world.act("cancel_at_period_end", email=ADA, in_seconds=HOUR))
    world.run(*world.act("refund", email=ADA))

    world.deactivate()

    assert the_end(world).reason is EndReason.REFUNDED
    assert is_over(world)


def test_deleted_account_is_due_at_once(world):
    """C9, D4: Clerk does not know her any more; the profile goes, and nothing is asked of Clerk."""
    world.run(*world.join())
    world.run(*world.act("delete_user", email=ADA))
    asked = world.sandbox.count("clerk")

    world.deactivate()

    assert the_end(world).state is EndState.DONE
    assert [row["is_visible"] for row in world.query("SELECT is_visible FROM public.users")] == [
        False
    ]
    assert world.contact()["tags"] == {"alumni"}
    assert world.sandbox.count("clerk") == asked


def test_subscription_that_stripe_has_forgotten(leaving, monkeypatch):
    """Its data was deleted: the date that we know holds."""
    leaving.query("UPDATE ops.deactivations SET subscription_id = 'sub_gone' RETURNING id")
    leaving.query("UPDATE public.memberships SET stripe_subscription_id = 'sub_gone' RETURNING id")
    leaving.pass_time(seconds=HOUR + 1, settles=False)

    leaving.deactivate()

    assert is_over(leaving)


def test_member_whose_row_is_gone(leaving):
    """The platform has deleted her: there is nobody to deactivate, and that is said."""
    leaving.query("DELETE FROM public.memberships RETURNING id")
    leaving.query("DELETE FROM public.users RETURNING id")
    leaving.pass_time(seconds=HOUR + 1)

    plan = leaving.deactivate()

    assert (plan.taken, plan.to_be) == (1, 0)
    assert (the_end(leaving).state, the_end(leaving).why) == (
        EndState.REVOKED,
        "the platform's row is gone",
    )


SUBSCRIPTION = ("created", "updated", "deleted")


@pytest.mark.parametrize("order", list(permutations(SUBSCRIPTION)), ids="-".join)
def test_any_order_of_events_ends_the_same(world, order):
    """C10, D5: her whole membership is told in any order, each event in a run of its own."""
    world.run(*[event for event in world.join() if event["vendor"] == "clerk"])
    world.act("cancel_at_period_end", email=ADA, in_seconds=HOUR)
    world.pass_time(seconds=HOUR + 1)
    kinds = {f"customer.subscription.{kind}": kind for kind in SUBSCRIPTION}
    events = {kinds[event["type"]]: event for event in world.events(*kinds)}

    for kind in order:
        world.run(events[kind])
        world.deactivate(f"run_{kind}")

    assert is_over(world)
    assert world.audit().count("member:deactivated") == 1


def test_other_tier_changes_no_date(leaving):
    """D3: she changes her plan in her last month; the end stays when and what it was."""
    before = the_end(leaving)

    leaving.run(*leaving.act("update_member", email=ADA, tier="leader"))

    assert (the_end(leaving).deactivate_at, the_end(leaving).generation) == (
        before.deactivate_at,
        before.generation,
    )


@pytest.mark.parametrize("shape", [factories.NEW_SHAPE, factories.OLD_SHAPE])
def test_period_is_read_from_either_place(world, shape):
    """D3: Stripe has moved the period's end from the subscription to its items; both are read."""
    world.run(*world.join())
    ends = world.clock.now().replace(microsecond=0) + timedelta(hours=1)
    member = world.member()
    shown = factories.subscription(
        member.memberships[0].subscription_id,
        member.stripe_customer_id,
        period_end=ends,
        shape=shape,
        cancel_at_period_end=True,
    )

    event = factories.stripe_event("customer.subscription.updated", shown)
    world.run(event | {"created": factories.seconds(ends - timedelta(minutes=50))})

    assert the_end(world).deactivate_at == ends
