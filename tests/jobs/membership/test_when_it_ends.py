"""When a membership ends: canceling, grace, pauses, money that is paid back."""

from datetime import timedelta

import pytest

from include.clock import FixedClock
from include.membership.ends import EndReason
from include.membership.policy import policy_from
from include.store.findings import FindingKind, FindingState
from tests import factories
from tests.jobs.membership.acts import ADA, DAY, act, findings, pass_time, subscribe
from tests.jobs.test_findings import Watch

GRACE = 14 * DAY


@pytest.fixture
def ada(world):
    """Let Ada become a member; return what the vendors call her."""
    return subscribe(world)


def status(world):
    """Return the status of her only membership."""
    [membership] = world.member().memberships
    return str(membership.status)


def tags(world):
    """Return the tags of her contact."""
    return world.contact()["tags"]


# --- canceling ---


def test_fixed_term_is_not_canceling(world):
    """A plan with an end from its first day ends then, and nobody has asked to leave."""
    subscribe(world, ends_after_days=365)

    assert tags(world) == {"active", "pro"}
    assert world.last_end().reason is EndReason.CANCEL_AT


def test_who_asked_to_leave_is_canceling(world, ada):
    """Cancelled for the end of the period: all stays until then, with the tag."""
    act(world, "cancel_at_period_end", email=ADA)

    assert tags(world) == {"active", "pro", "canceling"}


def test_cancelled_beside_one_that_goes_on_is_not_canceling(world, ada):
    """A cancelled plan beside a renewing one: she goes on."""
    customer, _ = ada
    act(world, "cancel_at_period_end", email=ADA)

    act(world, "subscribe", customer=customer, prices=["price_pro_month"])

    assert tags(world) == {"active", "pro"}


# --- payments ---


def test_past_due_keeps_everything_for_the_grace(world, ada):
    """A failed payment changes the tag and nothing else, until the last second of the grace."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_dunning": "none"})
    act(world, "payment_failed", email=ADA)

    pass_time(world, GRACE - 60)

    assert (status(world), tags(world)) == ("past_due", {"past_due", "pro"})
    assert world.contact()["status"] == "subscribed"
    assert world.last_end().reason is EndReason.NOT_PAID


def test_past_due_is_over_with_the_grace(world, ada):
    """So long after the first failed payment the membership is over everywhere, whatever Stripe still tries."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_dunning": "none"})
    act(world, "payment_failed", email=ADA)

    pass_time(world, GRACE + 60)

    assert (status(world), tags(world)) == ("canceled", {"alumni"})
    assert world.profiles() == [False]


def test_who_pays_after_the_grace_is_back_without_a_welcome(world, ada):
    """The card works again: all comes back, and nobody is welcomed anew."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_dunning": "none"})
    act(world, "payment_failed", email=ADA)
    pass_time(world, GRACE + 60)

    act(world, "payment_recovered", email=ADA)

    assert (status(world), tags(world)) == ("active", {"active", "pro"})
    assert world.profiles() == [True]
    assert world.welcomes() == [ADA]


def test_who_pays_within_the_grace_notices_nothing(world, ada):
    """The planned end is revoked, and a later failure has a grace of its own."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_dunning": "none"})
    act(world, "payment_failed", email=ADA)
    act(world, "payment_recovered", email=ADA)

    pass_time(world, GRACE + 60)

    assert (status(world), tags(world)) == ("active", {"active", "pro"})


def test_grace_is_the_policys(world, ada):
    """Another policy, another grace: none at all ends it with the first failed payment."""
    world.policy = policy_from(
        "plans: [{tier: pro, products: [prod_pro]}]\naccess: {past_due: ended}"
    )

    act(world, "payment_failed", email=ADA)

    assert (status(world), tags(world)) == ("canceled", {"alumni"})


def test_old_debt_has_no_new_grace(world):
    """Who is first heard of long after her first failed payment has had her grace already."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_dunning": "none"})
    world.sandbox.act("subscribe", email=ADA, name="Ada", prices=["price_pro_month"])
    world.sandbox.act("payment_failed", email=ADA)
    world.pass_time(seconds=GRACE + 5 * DAY)
    heard = world.events("customer.subscription.updated")[-1]

    world.run(heard)

    assert status(world) == "canceled"
    assert world.welcomes() == []


def test_unpaid_has_ended(world, ada):
    """Stripe has given up: the membership is over, though the subscription goes on."""
    world.sandbox.ask("PATCH", "settings", json={"stripe_dunning": "unpaid"})
    act(world, "payment_failed", email=ADA)
    customer, subscription = ada
    unpaid = factories.subscription(subscription, customer, status="unpaid")
    at = world.clock.now() + timedelta(minutes=1)

    world.run(factories.stripe_event("customer.subscription.updated", unpaid, at=at))

    assert (status(world), tags(world)) == ("canceled", {"alumni"})


# --- pauses ---


@pytest.mark.parametrize(
    ("pause", "resume"), [("pause", "resume"), ("pause_collection", "resume_collection")]
)
def test_pause_is_one_standing_with_its_tag(world, ada, pause, resume):
    """Paused, or not collected for: no access, the tag, no end; and all is back afterwards, without a welcome."""
    act(world, pause, email=ADA)
    assert (status(world), tags(world)) == ("paused", {"paused", "pro"})

    act(world, resume, email=ADA)

    assert (status(world), tags(world)) == ("active", {"active", "pro"})
    assert world.welcomes() == [ADA]


@pytest.mark.parametrize(
    ("pause", "resume"), [("pause", "resume"), ("pause_collection", "resume_collection")]
)
def test_end_that_is_told_with_the_pauses_end_comes_when_it_is_paid_until(
    world, ada, pause, resume
):
    """She goes on, then it is cancelled at once, and we hear of both together: nothing of what she paid is lost."""
    _, subscription = ada
    act(world, pause, email=ADA)
    since = len(world.sandbox.events())
    world.sandbox.act(resume, email=ADA)
    world.sandbox.act("cancel_and_refund", subscription=subscription, refund="none")

    world.run(*world.events(since=since))

    assert (status(world), tags(world)) == ("active", {"active", "canceling", "pro"})
    assert world.last_end().deactivate_at > world.clock.now() + timedelta(days=15)


def test_end_in_a_pause_of_collection_gives_nothing_back(world, ada):
    """Nothing is collected, so nothing is paid for: it is over."""
    _, subscription = ada
    act(world, "pause_collection", email=ADA)

    act(world, "cancel_and_refund", subscription=subscription, refund="none")

    assert (status(world), tags(world)) == ("canceled", {"alumni"})


def test_pause_may_be_as_good_as_none(world, ada):
    """With `paused: full` a pause changes nothing."""
    world.policy = policy_from("plans: [{tier: pro, products: [prod_pro]}]\naccess: {paused: full}")

    act(world, "pause_collection", email=ADA)

    assert (status(world), tags(world)) == ("active", {"active", "pro"})


# --- money back ---


def test_refunded_difference_of_an_upgrade_ends_nothing(world, ada):
    """The difference is paid back in full, then she cancels: it ends with the period she has paid for."""
    _, subscription = ada
    pass_time(world, 10 * DAY)
    act(world, "upgrade", subscription=subscription, prices=["price_leader_month"])
    act(world, "refund_invoice", subscription=subscription)

    act(world, "cancel_at_period_end", email=ADA)

    assert tags(world) == {"active", "leader", "canceling"}
    assert world.last_end().reason is EndReason.PERIOD_END
    assert world.last_end().deactivate_at > world.clock.now()


def test_refunded_period_ends_a_cancelled_membership(world, ada):
    """She cancels and has the period's money back: it is over now."""
    _, subscription = ada
    act(world, "cancel_at_period_end", email=ADA)

    act(world, "refund_invoice", subscription=subscription)
    world.deactivate("refunded")

    assert (status(world), tags(world)) == ("canceled", {"alumni"})


@pytest.mark.parametrize("kind", ["prorated", "full"])
@pytest.mark.parametrize("is_told_apart", [False, True], ids=["at once", "one by one"])
def test_cancelled_at_once_with_money_back_ends_then(world, ada, kind, is_told_apart):
    """The rest of the period, or all of it, is paid back: it has ended when Stripe ended it."""
    _, subscription = ada
    pass_time(world, 10 * DAY)
    since = len(world.sandbox.events())
    world.sandbox.act("cancel_and_refund", subscription=subscription, refund=kind)
    events = world.events(since=since)

    for part in [[event] for event in events] if is_told_apart else [events]:
        world.run(*part)
    world.deactivate("refunded")

    [membership] = world.member().memberships
    assert (str(membership.status), tags(world)) == ("canceled", {"alumni"})
    assert abs(membership.ended_at - world.clock.now()) < timedelta(minutes=1)


def test_cancelled_at_once_without_money_back_lasts_as_long_as_it_is_paid(world, ada):
    """Who has paid keeps her membership to the last second of it."""
    _, subscription = ada
    pass_time(world, 10 * DAY)

    act(world, "cancel_and_refund", subscription=subscription, refund="none")

    assert status(world) == "active"
    assert world.last_end().deactivate_at > world.clock.now() + timedelta(days=15)


@pytest.mark.parametrize("becomes", ["failed", "canceled"])
@pytest.mark.parametrize("is_over_at_stripe", [False, True])
def test_refund_that_is_taken_back_gives_the_membership_back(
    world, ada, becomes, is_over_at_stripe
):
    """The money stays here after all: who lost her membership by the refund has it again."""
    _, subscription = ada
    if is_over_at_stripe:
        act(world, "cancel_and_refund", subscription=subscription, refund="full")
    else:
        act(world, "cancel_at_period_end", email=ADA)
        act(world, "refund_invoice", subscription=subscription)
    world.deactivate("refunded")
    assert status(world) == "canceled"

    act(world, "refund_taken_back", subscription=subscription, becomes=becomes)

    assert status(world) == "active"
    assert tags(world) == {"active", "pro", "canceling"}
    assert world.profiles() == [True]
    assert world.welcomes() == [ADA]
    assert world.last_end().is_open
    assert world.last_end().deactivate_at > world.clock.now() + timedelta(days=15)
    assert findings(world, FindingKind.REFUND_FAILED) == (becomes == "failed")


def test_refund_that_has_come_through_is_told_no_more(world, ada):
    """The first one failed at her bank, the second one arrives: a person need not look."""
    _, subscription = ada
    act(world, "refund_invoice", subscription=subscription)
    act(world, "refund_taken_back", subscription=subscription, becomes="failed")
    assert findings(world, FindingKind.REFUND_FAILED) == 1

    act(world, "refund_invoice", subscription=subscription)

    assert findings(world, FindingKind.REFUND_FAILED) == 0


def test_lost_dispute_is_as_a_full_refund(world, ada):
    """A person is told when it begins; lost, a cancelled membership is over."""
    _, subscription = ada
    act(world, "dispute", subscription=subscription)
    assert (status(world), findings(world, FindingKind.DISPUTE)) == ("active", 1)
    act(world, "cancel_at_period_end", email=ADA)

    act(world, "dispute", subscription=subscription, becomes="lost")
    world.deactivate("lost")

    assert (status(world), tags(world)) == ("canceled", {"alumni"})
    assert findings(world, FindingKind.DISPUTE) == 0


def test_dispute_that_comes_with_her_first_events_is_told(world):
    """One run hears of her and of her dispute: she is no member yet when the money is looked at."""
    since = len(world.sandbox.events())
    joined = world.sandbox.act(
        "subscribe", email=ADA, name="Ada Lovelace", prices=["price_pro_month"]
    )
    world.sandbox.act("dispute", subscription=joined["stripe_subscription_id"])

    world.run(*world.events(since=since))

    assert (status(world), findings(world, FindingKind.DISPUTE)) == ("active", 1)


def test_won_dispute_changes_nothing(world, ada):
    """The money stays: the finding is over, and how the bank has decided is said to whom it was told."""
    _, subscription = ada
    act(world, "dispute", subscription=subscription)
    watch = Watch(world)
    watch.clock = FixedClock(world.clock.now() + timedelta(minutes=5))
    watch.send()

    act(world, "dispute", subscription=subscription, becomes="won")
    watch.send()

    assert status(world) == "active"
    [finding] = world.store.findings.read(tuple(FindingState))
    assert finding.state is FindingState.OVER
    assert watch.told()[1:] == [(":white_check_mark: dispute: the bank has decided: won", True)]


# --- what cannot be read ---


def test_unreadable_answer_stops_no_other_end(world):
    """Of one of two due ends Stripe's answer cannot be read: the other is carried out, and this one when it can."""
    _, odd = subscribe(world)
    _, plain = subscribe(world, "grace@example.org", name="Grace Hopper")
    for email in (ADA, "grace@example.org"):
        act(world, "cancel_at_period_end", email=email)
    world.pass_time(seconds=32 * DAY, settles=False)
    unreadable = {**factories.subscription(odd), "status": "suspended"}
    world.sandbox.fault(
        vendor="stripe", kind="status", path=f"/v1/subscriptions/{odd}", status=200, body=unreadable
    )

    plan = world.deactivate()

    assert list(plan.failures.values()) == [
        "the answer cannot be read: stripe.status is a status we do not know"
    ]
    states = {end.subscription_id: str(end.state) for end in world.ends()}
    assert states == {odd: "failed", plain: "done"}
    assert world.contact("grace@example.org")["tags"] == {"alumni"}

    world.sandbox.ask("DELETE", "faults")
    world.run(factories.stripe_event("invoice.payment_failed", factories.invoice(odd)))
    world.deactivate("tried anew")

    assert {str(end.state) for end in world.ends()} == {"done"}
