"""Who gets a row, a contact, a welcome, and who is nobody's business."""

from datetime import timedelta

import pytest
import requests

from include.membership.policy import policy_from
from include.store.inbox import InboxState
from tests import factories
from tests.jobs.membership.acts import ADA, act, subscribe

ONLY_LEADERS = policy_from("plans: [{tier: leader, products: [prod_leader]}]")


def nothing_is_left(world):
    """Check that the platform, Mailchimp and the steps know nobody."""
    assert world.members() == []
    assert world.query("SELECT id FROM public.memberships") == []
    assert world.writes() == []
    assert world.steps() == []


def test_subscription_of_something_else_makes_nobody_a_member(world):
    """A hosting plan of the same account: ignored with the reason, nothing is left of it anywhere."""
    world.policy = ONLY_LEADERS
    bought = [e for e in world.join(via="stripe_first") if e["vendor"] == "stripe"]

    run = world.run(*bought)

    assert world.states(run) == {InboxState.IGNORED}
    assert any("is on a plan" in reason for reason in world.reasons(run))
    nothing_is_left(world)


def test_member_who_buys_something_else_stays_as_she_is(world):
    """A member's second subscription, of something else, changes neither her tier nor her tags."""
    world.policy = ONLY_LEADERS
    world.run(*world.join(tier="leader"))
    [before], contact = world.member().memberships, world.contact()
    other = factories.subscription("sub_other", world.member().stripe_customer_id, tier="hosting")
    at = world.clock.now()

    run = world.run(factories.stripe_event("customer.subscription.created", other, at=at))

    assert world.states(run) == {InboxState.IGNORED}
    assert world.member().memberships == (before,)
    assert world.contact() == contact


def test_membership_that_becomes_something_else_ends(world):
    """Her subscription is moved to a product that is no plan: the membership is over."""
    world.run(*world.join())
    world.policy = ONLY_LEADERS

    world.run(*world.act("renew", email=ADA))

    [membership] = world.member().memberships
    assert membership.status == "canceled"
    assert world.contact()["tags"] == {"alumni"}


def test_tier_that_cannot_be_told_stays(world):
    """An event whose items say nothing keeps the tier that she has."""
    world.run(*world.join())
    [membership] = world.member().memberships
    at = world.clock.now() + timedelta(minutes=1)
    bare = factories.subscription(
        membership.subscription_id,
        world.member().stripe_customer_id,
        items={"data": [{"id": "si_1"}]},
    )

    world.run(factories.stripe_event("customer.subscription.updated", bare, at=at))

    assert world.member().memberships[0].tier == "pro"
    assert world.contact()["tags"] == {"active", "pro"}


@pytest.mark.parametrize("is_moved", [False, True], ids=["only the key", "she changes her plan"])
def test_lookup_key_that_moved_leaves_who_pays_the_old_price(world, is_moved):
    """The plan names prices, too, and her price was on it by its key: she stays, unless she takes something else."""
    world.policy = policy_from(
        "plans: [{tier: pro, prices: [price_pro_year], lookup_keys: [month]}]"
    )
    price = {"product": "prod_old", "cents": 1_000}
    act(world, "list_price", price="price_old", lookup_key="month", **price)
    act(world, "list_price", price="price_hosting", product="prod_hosting", cents=500)
    _, subscription = subscribe(world, prices=["price_old"])
    act(world, "list_price", price="price_new", lookup_key="month", **price)

    if is_moved:
        act(world, "upgrade", subscription=subscription, prices=["price_hosting"])
    else:
        act(world, "renew", email=ADA)

    [membership] = world.member().memberships
    wanted = ("canceled", {"alumni"}) if is_moved else ("active", {"active", "pro"})
    assert (str(membership.status), world.contact()["tags"]) == wanted


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
def test_declined_cards_make_no_rows(world, status):
    """Card tests: customers whose first payment fails, time and again, are nobody here."""
    now = world.clock.now()
    tests = [
        event
        for number in range(20)
        for event in (
            factories.stripe_event(
                "customer.updated", factories.customer(f"cus_{number}", ADA), at=now
            ),
            factories.stripe_event(
                "customer.subscription.created",
                factories.subscription(f"sub_{number}", f"cus_{number}", status=status),
                at=now,
            ),
        )
    ]

    run = world.run(*tests)

    assert world.states(run) == {InboxState.IGNORED}
    assert world.sandbox.count("stripe") == 0
    nothing_is_left(world)


def test_strangers_card_test_leaves_nothing_on_her_account(world):
    """An unpaid checkout with a member's address changes nothing about her."""
    world.run(*world.join())
    before = world.member()
    now = world.clock.now()
    stranger = factories.customer("cus_stranger", ADA, "Mallory")
    unpaid = factories.subscription("sub_stranger", "cus_stranger", status="incomplete")

    run = world.run(
        factories.stripe_event("customer.updated", stranger, at=now),
        factories.stripe_event("customer.subscription.created", unpaid, at=now),
    )

    assert world.states(run) == {InboxState.IGNORED}
    assert world.member() == before


def test_donor_is_no_member(world):
    """A customer who gave something once, and changes her address, is nobody here."""
    donor = factories.customer("cus_donor", "donor@example.org")

    run = world.run(factories.stripe_event("customer.updated", donor, at=world.clock.now()))

    assert world.reasons(run) == {"about nobody who is a member here"}
    nothing_is_left(world)


def test_customer_becomes_a_member_with_what_she_pays_for(world):
    """Her customer was told of before, in a run of its own, and made no row; the membership makes one."""
    joined = world.join(via="stripe_first")
    world.run(*world.act("update_member", email=ADA, first_name="Augusta"))
    bought = [e for e in joined if e["vendor"] == "stripe"]

    world.run(*bought)

    assert world.member().first_name == "Augusta"
    assert world.welcomes() == [ADA]


def test_old_event_of_something_never_seen_is_not_taken_for_now(world):
    """Stripe is asked: she has cancelled since, and nobody is welcomed for an event of last month."""
    joined = world.join(via="stripe_first")
    world.act("payment_given_up", email=ADA)
    created = next(e for e in joined if e["type"] == "customer.subscription.created")
    payload = {**created["payload"], "created": created["payload"]["created"] - 30 * 86_400}

    world.run({**created, "payload": payload})

    assert [m.status for m in world.member().memberships] == ["canceled"]
    assert world.welcomes() == []


@pytest.mark.parametrize("way", ["event", "night"])
def test_old_member_is_adopted_without_a_welcome(world, way):
    """In her 24th month she is new to us, not new: row and contact, no welcome, by event or by night."""
    world.join(via="stripe_first")
    world.pass_time(seconds=730 * 86_400)
    renewed = [e for e in world.act("renew", email=ADA) if e["type"] == "invoice.paid"]

    world.run(*renewed[-1:])

    [membership] = world.member().memberships
    assert membership.status == "active"
    assert membership.first_active_at < world.clock.now() - timedelta(days=700)
    assert world.contact()["tags"] == {"active", "pro"}
    assert world.welcomes() == []


def test_who_was_a_member_before_is_not_welcomed_for_her_second_subscription(world):
    """Her first subscription ended before anybody told us of her: Stripe is asked what she had before."""
    world.join(via="stripe_first")
    world.act("payment_given_up", email=ADA)
    world.pass_time(seconds=400 * 86_400)
    [customer] = world.sandbox.ask("GET", "state/stripe", params={"email": ADA})["customer"]
    requests.post(
        f"{world.sandbox.url}/stripe/v1/subscriptions",
        data={"customer": customer["id"], "items[0][price]": "price_pro_month"},
        headers={"Authorization": "Bearer sk_test_x"},
        timeout=10,
    ).raise_for_status()
    paid = world.events("customer.subscription.created")[-1]

    world.run(paid)

    assert sorted(m.status for m in world.member().memberships) == ["active", "canceled"]
    assert world.welcomes() == []


def test_test_mode_does_not_touch_live_members(world):
    """With a live key, what Stripe tests is ignored: it makes, changes and ends nobody."""
    joined = world.join()
    world.stripe.is_live = True

    run = world.run(*[e for e in joined if e["vendor"] == "stripe"])

    assert world.states(run) == {InboxState.IGNORED}
    assert world.reasons(run) == {"of Stripe's test mode"}
    nothing_is_left(world)


def test_unreadable_answer_stops_nobody_else(world):
    """A status that we do not know in Stripe's answer is that object's failure, and a dead letter at once."""
    joined = world.join() + world.join("grace@example.org")
    asked = [e for e in joined if e["type"] in ("invoice.paid", "user.created")]
    ids = world.receive(*asked)
    odd = next(e for e in asked if e["type"] == "invoice.paid")
    details = odd["payload"]["data"]["object"]["parent"]["subscription_details"]
    world.sandbox.fault(
        vendor="stripe",
        kind="status",
        path=f"/v1/subscriptions/{details['subscription']}",
        status=200,
        body={**factories.subscription(details["subscription"]), "status": "suspended"},
    )

    world.run_rows(ids)

    by_id = {row.event_id: row for row in world.store.inbox.rows(ids)}
    assert by_id[odd["id"]].state is InboxState.DEAD
    assert "status is a status we do not know" in by_id[odd["id"]].reason
    others = [row.state for row in by_id.values() if row.event_id != odd["id"]]
    assert set(others) == {InboxState.PROCESSED}
    [letter] = world.query("SELECT error_class FROM ops.dead_letters")
    assert letter["error_class"] == "permanent"
