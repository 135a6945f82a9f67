"""The story of a Stripe account that sells more than memberships: who buys what is a member, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from include.lab.demo.checks import expect_accounts, expect_members

if TYPE_CHECKING:
    from include.lab.demo.sandbox import ScenarioEvents
    from include.lab.demo.stage import Newcomer, Stage

OTHER_PRICES = {"hosting": 900, "donation": 500, "coaching": 2500}
"""What the shop sells beside memberships, in cents a month."""


def other_sales(stage: Stage) -> None:
    """Sell hosting, coaching and donations beside memberships: only a plan makes a member."""
    host, donor, climber, returner = (stage.newcomer(number) for number in range(4))
    for name, cents in OTHER_PRICES.items():
        stage.sandbox.act("list_price", price=f"price_{name}", product=f"prod_{name}", cents=cents)

    _nobody_becomes_a_member(stage, {host: "price_hosting", donor: "price_donation"})
    _upgrade_is_paid_back(stage, climber)
    _account_is_made_anew(stage, returner)


def _nobody_becomes_a_member(stage: Stage, buyers: dict[Newcomer, str]) -> None:
    """Leave no trace of what is on no plan: no row, no contact."""
    acts = [_subscribe(stage, who, price) for who, price in buyers.items()]
    sold = stage.deliver(
        "one buys a hosting plan, one donates", [event for act in acts for event in act.events]
    )

    stage.expect("what became of them", {row.state for row in sold.rows}, {"ignored"})
    stage.expect("rows of those who bought something else", stage.people([*buyers]), [])
    contacts = stage.sandbox.contacts()
    stage.expect("their contacts", [who.email for who in buyers if who.email in contacts], [])


def _upgrade_is_paid_back(stage: Stage, member: Newcomer) -> None:
    """Find the plan behind an add-on; an upgrade's refunded difference ends nothing before its time."""
    joined = _subscribe(stage, member, "price_coaching", "price_pro_month")
    stage.deliver("one joins, the add-on stands first", joined.events)
    expect_members(stage, [member])

    subscription = joined.ids["stripe_subscription_id"]
    acts = [
        stage.sandbox.act("upgrade", subscription=subscription, prices=["price_leader_month"]),
        stage.sandbox.act("refund_invoice", subscription=subscription),
        stage.sandbox.act("cancel_at_period_end", subscription=subscription),
    ]
    stage.deliver(
        "she moves up, is paid the difference back, and will leave",
        [event for act in acts for event in act.events],
    )

    [person] = stage.people([member])
    stage.expect("her tier", (person.status, person.tier), ("active", "leader"))
    stage.expect("her tags", _tags(stage, member), {"active", "leader", "canceling"})
    ends_at = stage.planned_end(person.member_id).deactivate_at
    is_later = ends_at is not None and ends_at > stage.clock.now() + timedelta(days=20)
    stage.expect("her membership lasts as long as it is paid", is_later, wanted=True)


def _account_is_made_anew(stage: Stage, member: Newcomer) -> None:
    """Take access from who deletes her account; with a new one, what she goes on paying for is hers again."""
    joined = stage.join(member, "clerk_first")
    stage.deliver("another one joins", joined.events)
    deleted = stage.sandbox.act("delete_user", email=member.email)
    stage.deliver("she deletes her account", deleted.events)
    stage.expect("her rows", stage.people([member]), [])
    stage.expect("her tags", _tags(stage, member), {"alumni"})

    names = {"first_name": member.first_name, "last_name": member.last_name}
    anew = stage.sandbox.act("sign_up", email=member.email, **names)
    stage.deliver("she signs up again, and still pays", anew.events)

    expect_accounts(stage, [member])
    stage.expect("her tags", _tags(stage, member), {"active", member.tier})
    stage.expect("is she another user", anew.ids != deleted.ids, wanted=True)


def _subscribe(stage: Stage, who: Newcomer, *prices: str) -> ScenarioEvents:
    name = f"{who.first_name} {who.last_name}"
    return stage.sandbox.act("subscribe", email=who.email, name=name, prices=list(prices))


def _tags(stage: Stage, who: Newcomer) -> set[str]:
    contact = stage.sandbox.contacts().get(who.email)
    return set(contact.tags) if contact else set()
