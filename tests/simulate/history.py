"""A history: what people and vendors did, one line each, and doing it; the lines can be kept and played again.

An act that the vendors do not allow at that moment (a second cancellation, a refund of nothing) does nothing, so that
any part of a history is one, too: that is what makes it shrink.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from include.errors import OpsError
from tests.simulate import oracle
from tests.simulate.comparison import differences
from tests.simulate.operation import NeverDoneError

if TYPE_CHECKING:
    from tests.simulate.operation import Operation
    from tests.simulate.vendors import Vendors

POLICY = Path(__file__).with_name("membership.yaml")
NAMES = ("ada", "grace", "joan", "lynn", "radia", "barbara", "frances", "katherine")
ANCHOR = "zoe"  # is always a member, so that Slack's group is never empty
STILL_ON_ITS_WAY = 20 * 60  # seconds: a younger event is not missed yet
DAY = 86_400
NAMED = re.compile(r"\S+@\S+|\[.*|ends .*")
"""What of a difference does not matter for its kind."""


@dataclass
class Character:
    """Somebody: what she has at the vendors, as far as she herself knows."""

    name: str
    email: str
    account: str | None = None
    customers: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    moves: int = 0


class History:
    """A community's life, act by act."""

    def __init__(self, vendors: Vendors, operation: Operation) -> None:
        """Begin with nobody but one who is always a member."""
        self.vendors, self.operation = vendors, operation
        self.policy: dict[str, Any] = yaml.safe_load(POLICY.read_text())
        self.lines: list[dict[str, Any]] = []
        self.pending: list[Any] = []
        self.has_lost = self.has_failed = False
        self.links: dict[str, str] = {}
        self.deleted_accounts: set[str] = set()
        self.ghosts: dict[str, dict[str, Any]] = {}
        self.tiers: dict[str, str] = {}
        self.apart: dict[str, str] = {}  # customer → under whose address she pays
        self.community_price = "price_community_month"
        self.member_months = 0.0
        self.characters = {
            name: Character(name, f"{name}@example.org") for name in (*NAMES, ANCHOR)
        }
        for one in self.characters.values():
            vendors.play("slack_person", email=one.email, joins=one.name.title())
        self.sign_up(ANCHOR)
        self.join(ANCHOR, plan="pro")

    def do(self, act: str, **details: Any) -> None:
        """Do something and write it down; what it made the vendors tell is on its way."""
        self.lines.append({"do": act, **details})
        self.vendors.pass_time(1)
        try:
            getattr(self, act)(**details)
        except (OpsError, NeverDoneError) as error:
            raise self.failure([f"a job ends with {type(error).__name__}: {error}"]) from error
        self.pending += self.vendors.told()

    def play(self, lines: list[dict[str, Any]]) -> None:
        """Do what was written down."""
        for line in lines:
            self.do(line["do"], **{name: value for name, value in line.items() if name != "do"})

    def story(self) -> str:
        """Return the history as lines that a person can read and `--replay` can play."""
        return "\n".join(json.dumps(line) for line in self.lines)

    # --- who she is ---

    def sign_up(self, who: str) -> None:
        """Let her make an account."""
        one = self.characters[who]
        if one.account is None and who not in self.apart.values():
            customers = self.vendors.stripe.kinds["customer"].values()
            if one.email in {customer["email"] for customer in customers}:
                self._accounts_change()
            self._sign_up_again(who)

    def delete_account(self, who: str) -> None:
        """She deletes her account at Clerk."""
        one = self.characters[who]
        if (
            one.account is not None and not one.moves
        ):  # what is hers is found by the customer's address
            self._accounts_change()
            self.vendors.play("clerk_account", clerk_user_id=one.account, becomes="deleted")
            self.deleted_accounts.add(one.account)
            self.vendors.left[who] += 1
            one.account = None

    def come_back(self, who: str) -> None:
        """She deletes her account and signs up again at once, with the same address."""
        self.delete_account(who)
        if self.characters[who].account is None:
            self._sign_up_again(who)

    def rename(self, who: str, last_name: str) -> None:
        """She has another name at Clerk."""
        self._account(who, "renamed", first_name=who.title(), last_name=last_name)

    def bar(self, who: str, becomes: str) -> None:
        """Her account is banned, locked, or let in again."""
        self._account(who, becomes)

    def move_address(self, who: str, how: str) -> None:
        """She takes another address: at once, or as a second one that she may verify later."""
        one = self.characters[who]
        if one.account is None:
            return
        self._accounts_change()
        one.moves += 1
        email = f"{who}.{one.moves}@example.com"
        first = "added" if how == "second" else "only"
        self.vendors.play("clerk_address", clerk_user_id=one.account, email=email, becomes=first)
        if how == "second":
            self.vendors.play(
                "clerk_address", clerk_user_id=one.account, email=email, becomes="primary"
            )
        one.email = email

    def _sign_up_again(self, who: str) -> None:
        one = self.characters[who]
        made = self.vendors.play(
            "sign_up", email=one.email, first_name=who.title(), last_name="Example"
        )
        if made is not None:
            one.account = made["clerk_user_id"]
            self.vendors.accounts[who] += 1

    def read_newsletter(self, who: str) -> None:
        """She subscribes to the newsletter, as anybody may."""
        self.vendors.read_newsletter(who, self.characters[who].email)

    def unsubscribe(self, who: str) -> None:
        """She unsubscribes from all mail, if she gets some."""
        email = self.characters[who].email
        contact = self.vendors.contacts().get(email)
        if contact is not None and contact["status"] == "subscribed":
            self.vendors.play("mailchimp_address", email=email, becomes="unsubscribed_by_person")
            self.vendors.unsubscribed.add(who)

    def _account(self, who: str, becomes: str, **details: Any) -> None:
        account = self.characters[who].account
        if account is not None:
            self.vendors.play("clerk_account", clerk_user_id=account, becomes=becomes, **details)

    # --- what she pays for ---

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
        worth = oracle.membership(facts, self.policy, newest) if newest else None
        is_kept = worth is not None and not oracle.was_money_sent_back(facts, worth)
        return is_kept and worth.standing == oracle.ACTIVE and not worth.is_canceling

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

    # --- what happens to all ---

    def pass_months(self, months: int) -> None:
        """Months pass; what they bring arrives as it should."""
        for _ in range(months):
            self.pass_days(30)
            self.pending += self.vendors.told()
            self.deliver()

    def move_key(self) -> None:
        """Let the community's lookup key go to a new price, at which everybody joins from then on."""
        self._accounts_change()
        self.tiers = oracle.tiers(self.facts(), self.policy)
        number = len(self.lines)
        self.community_price = f"price_community_{number}"
        self.vendors.play(
            "list_price",
            price=self.community_price,
            product=f"prod_community_{number}",
            cents=1_200,
            lookup_key="community",
        )

    def live_on(self, months: int) -> None:
        """Let a year pass or so, in which nothing else happens."""
        self.pass_months(months)

    def pass_days(self, days: int) -> None:
        """Days pass; memberships whose time has come end, whatever has been delivered."""
        paying = sum(self._living(name) for name in self.characters)
        self.member_months += paying * days / 30
        self.vendors.pass_time(days * DAY)
        self.operation.end_what_is_due()

    def break_down(self, vendor: str, times: int, status: int) -> None:
        """Let a vendor refuse the next calls."""
        self.vendors.break_down(vendor, times, status)

    def deliver(
        self,
        *,
        order: str = "in_order",
        seed: int = 0,
        copies: int = 1,
        at_once: int = 1000,
        version: str = "new",
    ) -> None:
        """Let arrive what the vendors have to tell, in some order, once or twice, so many events in a run."""
        if version == "old":
            self.pending = [as_of_old(event) for event in self.pending]
        events = [event for event in self.pending for _ in range(copies)]
        self.pending = []
        if order != "in_order":
            random.Random(seed).shuffle(events)  # noqa: S311 - chance for tests, not for secrets
        for start in range(0, len(events), at_once):
            self.operation.take_in(events[start : start + at_once])
            self.operation.work()

    def lose(self, seed: int) -> None:
        """Half of what is on its way never arrives."""
        dice = random.Random(seed)  # noqa: S311 - chance for tests, not for secrets
        kept = [event for event in self.pending if dice.random() < 0.5]
        self.has_lost = self.has_lost or len(kept) < len(self.pending)
        self.pending = kept

    def calm(self) -> None:
        """All that is on its way arrives, what got lost is found; then everybody must be as the rules say.

        Twice is worth it, to see that a second look changes nothing; a third time in a row shows nothing new.
        """
        if [line["do"] for line in self.lines[-3:]] == ["calm"] * 3:
            return
        self._quiet()
        facts = self.facts()
        expected = oracle.people(facts, self.policy)
        found = differences(expected, facts, self.policy, self.vendors, self.operation)
        self.links = oracle.links(facts, self.policy)
        if found:
            raise self.failure(found)

    def failure(self, found: list[str]) -> DifferenceError:
        """Return the failure of this history."""
        self.has_failed = True
        return DifferenceError(found, self)

    def facts(self) -> oracle.Facts:
        """Return what the vendors have now."""
        objects = self.vendors.objects()
        objects["customer"] += list(self.ghosts.values())
        return oracle.Facts(
            now=self.vendors.world.clock.seconds(),
            stripe=objects,
            clerk=self.vendors.users(),
            deleted_accounts=frozenset(self.deleted_accounts),
            links=self.links,
            tiers=self.tiers,
            apart=frozenset(self.apart),
        )

    def _quiet(self) -> None:
        self.vendors.mend()
        self.pending += self.vendors.told()
        self.deliver()
        self.operation.end_what_is_due()
        self.operation.work()
        if self.has_lost or self.operation.has_failed_ends():
            self.vendors.pass_time(STILL_ON_ITS_WAY)
            self.operation.reconcile()
            self.pending += self.vendors.told()
            self.deliver()
            self.operation.end_what_is_due()
            self.operation.work()
            self.has_lost = False

    def _accounts_change(self) -> None:
        """Whose customer is whose is about to change: what is so now must be known first."""
        if self.lines:
            self._quiet()
            self.links = oracle.links(self.facts(), self.policy)


def as_of_old(event: Any) -> Any:
    """Return an event of a subscription as old versions of Stripe's API have it: items with a plan and no price."""
    told = json.loads(event.payload)
    subject = told["data"].get("object", {}) if event.vendor == "stripe" else {}
    if subject.get("object") != "subscription":
        return event
    for item in subject["items"]["data"]:
        price = item.pop("price")
        item["plan"] = {"object": "plan", "id": price["id"], "product": price["product"]}
    return replace(event, payload=json.dumps(told, separators=(",", ":")).encode())


class DifferenceError(AssertionError):
    """Somebody is not as the rules say; the message is the story that led there."""

    def __init__(self, found: list[str], history: History) -> None:
        """Tell what is wrong, and what happened before."""
        self.found, self.lines = found, history.lines
        self.kinds = [NAMED.sub("X", line) for line in found]
        super().__init__(
            "\n".join(
                [
                    "somebody is not as the rules say:",
                    *(f"  {line}" for line in found),
                    "the story (keep these lines in a file and play them with --replay FILE):",
                    history.story(),
                ]
            )
        )
