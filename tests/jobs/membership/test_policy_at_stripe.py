"""The policy beside Stripe's price list, in words, and beside another policy; and the plan of an upgrade."""

from datetime import timedelta

import pytest

from include.check_results import CheckStatus
from include.clock import FixedClock
from include.jobs.reconciliation import members
from include.jobs.reconciliation import steps as reconciliation
from include.jobs.reconciliation.members import (
    clerk_differences,
    compare_clerk,
    compare_stripe,
    stripe_differences,
)
from include.jobs.reconciliation.unnamed import MANY
from include.membership.explain import reasons
from include.membership.policy import policy_from, shipped
from include.membership.policy_changes import changes_between
from include.operate.commands.policy import explained, explained_at_stripe, planned
from include.operate.doctor import policy as at_stripe
from tests.jobs.membership.acts import ADA, DAY, act, sign_up, subscribe
from tests.jobs.night import Night

HOSTING = {"price": "price_hosting", "product": "prod_hosting", "cents": 900}
MINE = """
plans:
  - {tier: pro, products: [prod_pro], prices: [price_pro_month], lookup_keys: [pro]}
  - {tier: leader, products: [prod_laeder], prices: [price_gone], lookup_keys: [gone]}
"""


def looked(world, file=None):
    """Return what is found at Stripe, but for what is well."""
    found = at_stripe.look(world.stripe, file)
    return [(one.status, one.reason) for one in found if one.status is not CheckStatus.OK]


def test_shipped_policy_fits_the_sandbox(world):
    """Each id is there, and every price in use is named."""
    assert looked(world) == []


def test_what_stripe_does_not_have_is_named(world, tmp_path):
    """Product, price and lookup key that are not at Stripe, each in one line."""
    file = tmp_path / "mine.yaml"
    file.write_text(MINE)

    found = [reason for status, reason in looked(world, file) if status is CheckStatus.FAILED]

    assert found == [
        "leader: Stripe has no product prod_laeder",
        "leader: Stripe has no price price_gone",
        "leader: Stripe has no lookup key gone",
    ]


def test_price_in_use_that_nobody_named_is_told_with_its_subscriptions(world):
    """A price on no plan is worth a line as soon as somebody pays it, with how many do."""
    act(world, "list_price", **HOSTING)
    assert looked(world) == []

    subscribe(world, prices=["price_hosting"])

    [(status, reason)] = looked(world)
    assert status is CheckStatus.WARNING
    assert reason == "no plan names it, and 1 living subscriptions have it: they are ignored"


def test_wrong_file_is_one_finding(world, tmp_path):
    """A policy that cannot be used is said with its place, and Stripe is not asked."""
    file = tmp_path / "mine.yaml"
    file.write_text("plans: [{teir: gold}]")

    [(status, reason)] = looked(world, file)

    assert status is CheckStatus.FAILED
    assert "mine.yaml:1:16: unknown key teir" in reason
    assert world.sandbox.count("stripe") == 0


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        (["price_hosting"], "so it is no membership"),
        (["price_hosting", "price_pro_month"], "so it is a membership of the tier pro"),
    ],
)
def test_explanation_names_each_item_and_what_follows(world, prices, words):
    """Rule by rule, in the order in which they are looked at."""
    act(world, "list_price", **HOSTING)
    _, subscription = subscribe(world, prices=prices)

    said = list(reasons(world.stripe.read_subscription(subscription), shipped()))

    assert said[0] == "Stripe calls it active"
    assert "item price_hosting, prod_hosting: on no plan" in said
    assert any(words in line for line in said)


def test_explanation_of_a_member_has_no_name_and_no_address(world):
    """Why she has no access though she pays: Clerk has locked her out."""
    user = sign_up(world)
    subscribe(world, clerk_user_id=user)
    act(world, "clerk_account", clerk_user_id=user, becomes="locked")

    said = "\n".join(explained(world.member(), shipped(), world.stripe))

    assert "active, has no access" in said
    assert "locked her out" in said
    assert "on the plan pro (rank 2)" in said
    assert ADA not in said
    assert "Ada" not in said


def test_explanation_of_what_stripe_has_lost_goes_on(world):
    """Stripe does not know one of her subscriptions any more: that is said, and the others are explained."""
    subscribe(world)
    world.query("UPDATE public.memberships SET stripe_subscription_id = 'sub_gone' RETURNING 1")
    subscribe(world)

    said = "\n".join(explained(world.member(), shipped(), world.stripe))

    assert "Stripe does not know it any more" in said
    assert "on the plan pro (rank 2)" in said


def test_difference_of_two_policies_names_who_gains_loses_and_changes(world):
    """Nothing is changed; each subscription that would be something else is a line."""
    act(world, "list_price", **HOSTING)
    _, hosting = subscribe(world, "one@example.org", prices=["price_hosting"])
    _, pro = subscribe(world, "two@example.org")
    _, leader = subscribe(world, "three@example.org", prices=["price_leader_month"])
    new = policy_from(
        "plans: [{tier: gold, products: [prod_leader]}, {tier: hosted, products: [prod_hosting]}]"
    )

    found = changes_between(
        world.stripe.list_subscriptions(), shipped(), new, now=world.clock.now()
    )

    assert {one.subscription_id: (one.what, one.before, one.after) for one in found} == {
        hosting: ("gain", "no membership", "active hosted"),
        pro: ("lose", "active pro", "no membership"),
        leader: ("change", "active leader", "active gold"),
    }


def test_plan_of_a_deep_run_says_who_would_lose_and_gain_what(world):
    """Filled by yesterday's rules: the dry run names who loses access first, and changes nothing."""
    yesterday = policy_from("other_subscriptions: member")
    act(world, "list_price", **HOSTING)
    world.policy = yesterday
    _, hosting = subscribe(world, "one@example.org", prices=["price_hosting"])
    world.policy = shipped()
    world.sandbox.act("subscribe", email=ADA, name="Ada", prices=["price_pro_month"])
    before = world.members()

    finding = compared(world, is_dry_run=True)

    assert (finding.found, finding.repaired) == (2, 0)
    assert finding.note == "1 gain access, 1 lose access"
    assert f"{hosting} lose access" in finding.examples
    assert world.members() == before


def test_plan_names_each_person_what_becomes_of_her_and_why(world):
    """Who loses comes first; rule by rule; without a name and an address, and nothing is changed."""
    act(world, "list_price", **HOSTING)
    world.policy = policy_from("other_subscriptions: member")
    _, hosting = subscribe(world, "one@example.org", prices=["price_hosting"])
    loser = world.member()
    world.policy = shipped()
    new = world.sandbox.act("subscribe", email=ADA, name="Ada", prices=["price_pro_month"])

    found = stripe_differences(world.store, world.stripe, world.clock.now(), is_dry_run=True)
    said = list(planned(found.differences))

    assert said[0] == "1 gain access, 1 lose access"
    assert said[1:3] == [f"member {loser.id}", f"  {hosting}: lose access"]
    assert "    item price_hosting, prod_hosting: on no plan" in said
    assert f"somebody new (stripe:{new['stripe_customer_id']})" in said
    assert "@" not in "".join(said)
    assert world.members() == [loser]


def test_plan_names_who_would_lose_what_the_vendors_do_not_have_any_more(world):
    """Stripe has lost a subscription that is over by its dates, and Clerk an account: each is somebody with a row."""
    user = sign_up(world)
    subscribe(world, clerk_user_id=user)
    world.query(
        "UPDATE public.memberships SET stripe_subscription_id = 'sub_gone',"
        " current_period_end = now() - interval '1 day' RETURNING 1"
    )
    world.query("UPDATE public.users SET clerk_user_id = 'user_gone' RETURNING 1")
    now, member = world.clock.now(), world.member()

    said = list(
        planned(
            [
                *stripe_differences(world.store, world.stripe, now, is_dry_run=True).differences,
                *clerk_differences(world.store, world.clerk, now, is_dry_run=True).differences,
            ]
        )
    )

    assert f"member {member.id}" in said
    assert "  sub_gone: lose access" in said
    assert "  user_gone: lose access" in said
    assert "    the vendor does not list it any more" in said


@pytest.mark.parametrize("by", ["address", "customer", "subscription"])
def test_who_has_no_row_is_explained_by_what_stripe_has(world, by):
    """A donor asks why she is no member: her subscription is on no plan."""
    act(world, "list_price", **HOSTING)
    customer, subscription = subscribe(world, prices=["price_hosting"])
    handle = {"address": ADA, "customer": customer, "subscription": subscription}[by]

    said = list(explained_at_stripe(handle, shipped(), world.stripe))

    assert world.members() == []
    assert said[0] == f"{customer} {subscription}"
    assert said[-1].startswith("  so it is no membership")


def test_tier_that_only_the_product_says_is_read_there(world):
    """Every subscription is a membership, and events have only the product's id: Stripe is asked for what it says."""
    world.policy = policy_from("other_subscriptions: member")
    listed = {"price": "price_plain", "product": "prod_plain", "cents": 900}
    act(world, "list_price", **listed, product_metadata={"tier": "gold"})

    _, subscription = subscribe(world, prices=["price_plain"])
    act(world, "cancel_at_period_end", subscription=subscription)

    assert [m.tier for m in world.member().memberships] == ["gold"]


def test_deep_run_puts_right_what_yesterdays_rules_made(world):
    """Who has a hosting plan is a member no more, and nobody is welcomed for it."""
    world.policy = policy_from("other_subscriptions: member")
    act(world, "list_price", **HOSTING)
    subscribe(world, prices=["price_hosting"])
    welcomes = world.welcomes()
    world.policy = shipped()

    compared(world, is_dry_run=False)
    rows = [r["id"] for r in world.query("SELECT id FROM ops.inbox WHERE state = 'waiting'")]
    world.run_rows(rows)

    assert [str(m.status) for m in world.member().memberships] == ["canceled"]
    assert world.welcomes() == welcomes


def test_upgrade_is_shown_first_and_then_carried_out_and_nobody_is_mailed(world):
    """Who gains, loses and changes is said before; who began just now is not welcomed, and no automation starts."""
    world.policy = policy_from("other_subscriptions: member")
    act(world, "list_price", **HOSTING)
    gold = {"price": "price_gold", "product": "prod_leader", "cents": 5000}
    act(world, "list_price", **gold, metadata={"tier": "gold"})
    subscribe(world, "loses@example.org", prices=["price_hosting"])
    subscribe(world, "changes@example.org", prices=["price_gold"])
    world.sandbox.act("subscribe", email="old@example.org", name="Old", prices=["price_pro_month"])
    world.pass_time(seconds=20 * DAY)
    world.sandbox.act("subscribe", email="new@example.org", name="New", prices=["price_pro_month"])
    before, welcomes, calls = world.members(), world.welcomes(), world.writes()
    world.policy = shipped()
    night = Night(world)
    night.clock = FixedClock(world.clock.now() + timedelta(minutes=30))

    plan = night.compare(run="plan", dry_run=True, most_percent=100)["stripe_state"]

    assert plan.note == "1 change, 2 gain access, 1 lose access"
    assert (world.members(), world.writes()) == (before, calls)
    night.compare(most_percent=100, mails_nobody=True)
    night.work_off()
    assert night_tags(world, since=len(calls)) == [True, True, True, True]
    tiers = {
        m.email: [(str(one.status), one.tier) for one in m.memberships] for m in world.members()
    }
    assert tiers["changes@example.org"] == [("active", "leader")]
    assert tiers["old@example.org"] == tiers["new@example.org"] == [("active", "pro")]
    assert [status for status, _ in tiers["loses@example.org"]] == ["canceled"]
    assert world.contact("new@example.org")["tags"] == {"active", "pro"}
    assert world.welcomes() == welcomes
    assert "stripe_state" not in night.compare(run="next")
    act(world, "cancel_at_period_end", email="new@example.org")
    assert world.welcomes() == welcomes


def night_tags(world, *, since):
    """Return of each call for tags after so many writes whether it starts no automation."""
    calls = [
        one for one in world.sandbox.calls(vendor="mailchimp")["calls"] if one["method"] != "GET"
    ]
    return [
        one["request_body"].get("is_syncing", False)
        for one in calls[since:]
        if one["path"].endswith("/tags")
    ]


def test_price_that_many_pay_and_no_plan_names_is_told_until_few_do(world):
    """It may be a plan that was forgotten: a person is told once, and when it is over."""
    act(world, "list_price", **HOSTING)
    ids = [
        subscribe(world, f"one{number}@example.org", prices=["price_hosting"])
        for number in range(MANY)
    ]
    pending = run_options(world, is_dry_run=False)

    for _ in range(2):
        compare_stripe(stripe=world.stripe, **pending)

    [finding] = world.store.findings.read()
    assert (finding.subject, finding.times) == ("price:price_hosting", 1)
    assert finding.words.startswith(f"{MANY} living subscriptions have price_hosting")
    act(world, "cancel_and_refund", subscription=ids[0][1])
    compare_stripe(stripe=world.stripe, **pending)
    assert world.store.findings.read() == []


def test_what_was_not_written_down_before_is_no_difference(world):
    """Tables filled before the upgrade have no facts of accounts and subscriptions: the run adds them silently."""
    user = sign_up(world)
    customer, _ = subscribe(world, clerk_user_id=user)
    world.query("DELETE FROM ops.accounts RETURNING 1")
    world.query("DELETE FROM ops.subscriptions RETURNING 1")

    assert compared(world, is_dry_run=False).found == 0
    assert clerk_compared(world).found == 0

    member = world.member()
    assert member.addresses == {ADA}
    assert member.memberships[0].customer_id == customer


def test_price_that_a_key_puts_on_its_plan_is_written_down_silently(world, monkeypatch):
    """Which price that was nobody wrote down before: the night adds it, and it is no difference."""
    world.policy = policy_from("plans: [{tier: pro, lookup_keys: [pro]}]")
    monkeypatch.setattr(members, "shipped", lambda: world.policy)
    subscribe(world)
    world.query("UPDATE ops.subscriptions SET keyed_price = NULL RETURNING 1")

    assert compared(world, is_dry_run=False).found == 0

    [membership] = world.member().memberships
    assert membership.keyed_price == "price_pro_month"


def compared(world, *, is_dry_run):
    """Compare Stripe with the tables, as a deep run does."""
    return compare_stripe(stripe=world.stripe, **run_options(world, is_dry_run=is_dry_run))


def clerk_compared(world):
    """Compare Clerk with the tables, as a deep run does."""
    return compare_clerk(clerk=world.clerk, **run_options(world, is_dry_run=False))


def run_options(world, *, is_dry_run):
    """Open a deep run, and return what its comparisons are given."""
    run = f"reconcile_{is_dry_run}"
    world.store.reconciliations.open(
        run, is_deep=True, is_dry_run=is_dry_run, now=world.clock.now()
    )
    limits = reconciliation.RepairLimits(is_dry_run=is_dry_run, most_percent=5)
    return {"dag_run_id": run, "store": world.store, "clock": world.clock, "limits": limits}
