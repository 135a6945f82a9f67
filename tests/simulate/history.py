"""A history: what people and vendors did, one line each, and doing it; the lines can be kept and played again.

An act that the vendors do not allow at that moment (a second cancellation, a refund of nothing) does nothing, so that
any part of a history is one, too: that is what makes it shrink.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from include.errors import OpsError
from tests.simulate import oracle
from tests.simulate.comparison import differences
from tests.simulate.operation import NeverDoneError
from tests.simulate.payments import Character, Payments
from tests.simulate.worth import Facts

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


class History(Payments):
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

    def facts(self) -> Facts:
        """Return what the vendors have now."""
        objects = self.vendors.objects()
        objects["customer"] += list(self.ghosts.values())
        return Facts(
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
