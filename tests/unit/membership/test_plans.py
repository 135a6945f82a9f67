"""Which plan a subscription is on: over all items, by rank, ids before names."""

from itertools import permutations

import pytest

from include.events.reading import Node
from include.events.stripe import subscription_from
from include.membership.plans import SubscriptionKind, placement_of
from include.membership.policy import policy_from
from tests import factories

POLICY = """
plans:
  - {tier: leader, products: [prod_leader]}
  - {tier: pro, prices: [price_pro, price_pro_2024], lookup_keys: [pro]}
  - {tier: community, products: [prod_community]}
"""


def item(price="price_x", product="prod_x", **details):
    """Make an item as Stripe sends it."""
    return {"id": "si_1", "price": {"id": price, "product": product, **details}}


def placed(*items, policy=POLICY, **changes):
    """Return what a subscription of these items is."""
    subject = factories.subscription(items={"data": list(items)}, **changes)
    return placement_of(subscription_from(Node(subject)), policy_from(policy))


@pytest.mark.parametrize(
    ("sold", "tier"),
    [
        (item(product="prod_leader"), "leader"),
        (item(product={"id": "prod_leader", "metadata": {}}), "leader"),
        (item(price="price_pro_2024"), "pro"),
        (item(lookup_key="pro"), "pro"),
        ({"id": "si_1", "plan": {"id": "price_pro", "product": "prod_x"}}, "pro"),
        (
            {"id": "si_1", "price": None, "plan": {"id": "x", "product": "prod_community"}},
            "community",
        ),
    ],
    ids=["product", "product as object", "old price", "lookup key", "only a plan", "no price"],
)
def test_plan_is_found_by_whatever_names_it(sold, tier):
    """By product, price or lookup key; old API versions have a `plan` where there is a price now."""
    placement = placed(sold)

    assert (placement.kind, placement.tier) == (SubscriptionKind.MEMBERSHIP, tier)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_best_of_all_items_counts(order):
    """An add-on first changes nothing, nor does a lesser plan: the rank of the policy decides."""
    items = [item(), item(product="prod_community"), item(price="price_pro")]

    assert placed(*[items[number] for number in order]).tier == "pro"


def test_id_counts_before_a_lookup_key_that_moved():
    """A lookup key was transferred to a new price: the price's own plan stays hers."""
    assert placed(item(product="prod_community", lookup_key="pro")).tier == "community"


def test_lookup_key_that_has_gone_tells_nothing():
    """A plan is known by its key alone, which went to a new price: old members keep it, other things still are none."""
    policy = "plans: [{tier: pro, lookup_keys: [pro]}]"

    assert placed(item(), policy=policy).kind is SubscriptionKind.UNTOLD
    assert placed(item(lookup_key="hosting"), policy=policy).kind is SubscriptionKind.OTHER


def test_other_things_are_no_membership():
    """A hosting plan in the same account is nobody's business, whatever its metadata say."""
    assert placed(item(metadata={"tier": "hosting"})).kind is SubscriptionKind.OTHER


def test_member_takes_every_subscription():
    """With `other_subscriptions: member` it is a membership, of the tier that its items say first."""
    policy = POLICY + "other_subscriptions: member"

    placement = placed(item(), item(metadata={"tier": "Hosting"}), policy=policy)

    assert (placement.kind, placement.tier) == (SubscriptionKind.MEMBERSHIP, "hosting")
    assert placed(item(), policy=policy).tier is None


@pytest.mark.parametrize(
    "items",
    [(), ({"id": "si_1"},), (item(price=None, product=None),)],
    ids=["none", "bare", "empty"],
)
def test_what_cannot_be_told_is_not_guessed(items):
    """Items that do not say what they are make neither a member nor an end of one."""
    assert placed(*items).kind is SubscriptionKind.UNTOLD


def test_items_that_stripe_does_not_show_may_be_on_a_plan():
    """More items than the event holds: nothing on a plan among those shown tells nothing."""
    subject = factories.subscription(items={"data": [item()], "has_more": True})

    placement = placement_of(subscription_from(Node(subject)), policy_from(POLICY))

    assert placement.kind is SubscriptionKind.UNTOLD
