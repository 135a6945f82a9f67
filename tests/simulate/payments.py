"""What people pay for: the acts of a history that Stripe hears of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulate import worth

if TYPE_CHECKING:
    from tests.simulate.vendors import Vendors


@dataclass
class Character:
    """Somebody: what she has at the vendors, as far as she herself knows."""

    name: str
    email: str
    account: str | None = None
    customers: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    moves: int = 0


class Payments:
    """A community's acts at Stripe; `History` has the others."""

    vendors: Vendors
    characters: dict[str, Character]
    policy: dict[str, Any]
    pending: list[Any]
    apart: dict[str, str]  # customer → under whose address she pays
    ghosts: dict[str, dict[str, Any]]
    community_price: str

    def join(  # noqa: PLR0913 - what a beginning may be like
        self,
        who: str,
        *,
        plan: str,
        terms: str = "plain",
        named_in: str = "client_reference_id",
        as_new_customer: bool = False,
        is_named: bool = True,
    ) -> None:
        """She subscribes to a plan, unless she has one that lives."""
        if self._living(who):
            return
        price = f"price_{plan}_month" if plan != "community" else self.community_price
        prices = {"add_on": ["price_coaching", price], "yearly": [f"price_{plan}_year"]}
        options: dict[str, dict[str, Any]] = {
            "trial": {"trial_days": 14},
            "fixed_term": {"ends_after_days": 75},
            "declined": {"is_declined": True},
        }
        wish = options.get(terms, {})
        self._subscribe(
            who,
            prices.get(terms, [price]) if plan != "community" else [price],
            as_new_customer=as_new_customer,
            clerk_user_id=self.characters[who].account if is_named else None,
            named_in=named_in,
            **wish,
        )

    def pay_twice(self, who: str, plan: str, *, as_new_customer: bool, is_named: bool) -> None:
        """She subscribes to a plan beside one that she has."""
        if self._living(who) and who not in self.apart.values():
            price = f"price_{plan}_month" if plan != "community" else self.community_price
            account = self.characters[who].account if is_named else None
            self._subscribe(who, [price], as_new_customer=as_new_customer, clerk_user_id=account)

    def other_name(self, who: str) -> None:
        """Let somebody of another name pay under the address of one who has no account and pays, too."""
        one, newest = self.characters[who], self._newest(who)
        is_plain = newest and newest["status"] == "active" and newest["cancel_at"] is None
        if one.account or self.vendors.left[who] or not is_plain or who in self.apart.values():
            return
        self._accounts_change()
        wish = {"prices": ["price_leader_month"], "email": one.email, "name": "Another Person"}
        if self._goes_on(who) and (made := self.vendors.play("subscribe", **wish)):
            self.apart[made["stripe_customer_id"]] = who
            self.pending += self.vendors.told()
            self.deliver()

    def _goes_on(self, who: str) -> bool:
        """Tell whether her newest membership is one, and nothing of its money was sent back."""
        newest, facts = self._newest(who), self.facts()
        found = worth.membership(facts, self.policy, newest) if newest else None
        is_kept = found is not None and not worth.was_money_sent_back(facts, found)
        return is_kept and found.standing == worth.ACTIVE and not found.is_canceling

    def buy_else(self, who: str, what: str) -> None:
        """She subscribes to something of the same shop that is no membership."""
        self._subscribe(who, [f"price_{what}"], as_new_customer=False)

    def test_mode(self, who: str) -> None:
        """Somebody tries the checkout in Stripe's test mode, with her address."""
        one = self.characters[who]
        self.vendors.play(
            "subscribe", prices=["price_pro_month"], email=one.email, in_test_mode=True
        )

    def try_cards(self, who: str) -> None:
        """Let a stranger try a stolen card with her address."""
        one = self.characters[who]
        self.vendors.play(
            "subscribe", prices=["price_leader_month"], email=one.email, is_declined=True
        )

    def cancel(self, who: str) -> None:
        """She asks to leave at the period's end."""
        self._happen(who, "cancel_at_period_end")

    def keep(self, who: str) -> None:
        """She takes that back."""
        subscription = self._newest(who)
        if subscription and subscription["status"] != "paused":
            self._happen(who, "resume")

    def give_up(self, who: str, how: str) -> None:
        """Stripe gives up to collect, as the account is set: it ends, or stays unpaid."""
        subscription = self._newest(who)
        if subscription and subscription["status"] == "past_due":
            self._happen(who, how)

    def pause(self, who: str, how: str) -> None:
        """Her membership rests: the subscription, or only the collection of its money."""
        subscription = self._newest(who)
        if subscription and subscription["status"] == "active":
            self._happen(who, how)
            self.vendors.paused.add(who)

    def go_on(self, who: str) -> None:
        """Let her pause be over."""
        subscription = self._newest(who)
        if subscription:
            is_paused = subscription["status"] == "paused"
            self._happen(who, "resume" if is_paused else "resume_collection")

    def cancel_now(self, who: str, refund: str) -> None:
        """End it at once, and pay some of the money back."""
        if subscription := self._newest(who):
            if self._rests(subscription):
                return
            self.vendors.play("cancel_and_refund", subscription=subscription["id"], refund=refund)

    def upgrade(self, who: str, plan: str, *, refunds_difference: bool = False) -> None:
        """She moves to another plan in the middle of a period, and may be paid the difference back."""
        subscription = self._newest(who)
        if subscription is None or subscription["status"] != "active":
            return
        if subscription["pause_collection"] is not None:
            return
        moved = self.vendors.play(
            "upgrade", subscription=subscription["id"], prices=[f"price_{plan}_month"]
        )
        if moved and refunds_difference:
            self.vendors.play("refund_invoice", subscription=subscription["id"])

    def money_back(self, who: str, cents: int | None) -> None:
        """Money is paid back: all of the newest payment, or a part."""
        if subscription := self._newest(who):
            self.vendors.play("refund_invoice", subscription=subscription["id"], cents=cents)

    def refund_taken_back(self, who: str, becomes: str) -> None:
        """Let a refund fail at her bank, or be cancelled."""
        if subscription := self._newest(who):
            self.vendors.play("refund_taken_back", subscription=subscription["id"], becomes=becomes)

    def dispute(self, who: str, becomes: str) -> None:
        """She disputes a payment, or her bank decides about it."""
        if subscription := self._newest(who):
            self.vendors.play("dispute", subscription=subscription["id"], becomes=becomes)

    def card(self, who: str, *, works: bool) -> None:
        """Her card is declined from now on, or works again."""
        for customer in self.characters[who].customers:
            self.vendors.play("card", customer=customer, works=works)

    def delete_customer(self, who: str) -> None:
        """Somebody deletes her customer at Stripe."""
        one, stripe = self.characters[who], self.vendors.stripe
        if one.customers and not any(
            self._rests(stripe.get("subscription", each)) for each in one.subscriptions
        ):
            self._accounts_change()
            customer_id = one.customers.pop()
            customer = dict(self.vendors.stripe.get("customer", customer_id))
            self.vendors.play("delete_customer", customer=customer_id)
            self.ghosts[customer_id] = customer

    def _subscribe(
        self, who: str, prices: list[str], *, as_new_customer: bool, **wish: Any
    ) -> None:
        one = self.characters[who]
        if one.customers and not as_new_customer:
            wish["customer"] = one.customers[-1]
        made = self.vendors.play(
            "subscribe", prices=prices, email=one.email, name=f"{who.title()} Example", **wish
        )
        if made is None:
            return
        if made["stripe_customer_id"] not in one.customers:
            one.customers.append(made["stripe_customer_id"])
        if set(prices) - {"price_hosting", "price_donation"}:
            one.subscriptions.append(made["stripe_subscription_id"])

    def _happen(self, who: str, story: str) -> None:
        """Play a story of the sandbox with her newest subscription."""
        if subscription := self._newest(who):
            self.vendors.play(story, subscription=subscription["id"])

    def _newest(self, who: str) -> dict[str, Any] | None:
        mine = self.characters[who].subscriptions
        return self.vendors.stripe.get("subscription", mine[-1]) if mine else None

    def _rests(self, subscription: dict[str, Any]) -> bool:
        """Is it paused, or was nothing collected for the running period because of a pause."""
        is_paused = (
            subscription["pause_collection"] is not None or subscription["status"] == "paused"
        )
        invoice = self.vendors.stripe.get("invoice", subscription["latest_invoice"])
        return is_paused or invoice["status"] == "void"

    def _living(self, who: str) -> bool:
        subscriptions = self.vendors.stripe.kinds["subscription"]
        return any(
            subscriptions[one]["status"] not in ("canceled", "incomplete_expired")
            for one in self.characters[who].subscriptions
        )
