"""What must be true of everybody, by the vendors' final states and the policy file alone.

Written from the rules, apart from the jobs: nothing of theirs is imported, nothing of ours is asked. In go the objects
that Stripe and Clerk have (read from the sandbox), the policy as plain YAML, and which customers were somebody's at the
last calm (a link that exists is not replaced); out come, for each person, her standing and all that follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

ACTIVE, PAST_DUE, PAUSED, ENDED, NONE = "active", "past_due", "paused", "ended", "none"
BEST_FIRST = (ACTIVE, PAST_DUE, PAUSED, ENDED, NONE)
TAGS = {ACTIVE: {"active"}, PAST_DUE: {"past_due"}, PAUSED: {"paused"}, ENDED: {"alumni"}}
UNITS = {"d": 86_400, "h": 3600}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the vendors have, and which customers were whose before."""

    now: int
    stripe: dict[str, list[Object]]
    clerk: list[Object]
    deleted_accounts: frozenset[str]
    links: dict[str, str]  # customer → account
    tiers: dict[
        str, str
    ]  # of memberships whose price had its lookup key when they were looked at last
    apart: frozenset[str]  # customers of another name, under the address of somebody who paid, too


@dataclass(frozen=True, kw_only=True)
class Membership:
    """What one subscription is worth."""

    subscription: str
    standing: str
    tier: str
    rank: int  # of its plan, the highest is 0
    is_canceling: bool
    ends_at: int | None  # when what she has now ends, if that is known
    lasts_until: int
    began: int


@dataclass(kw_only=True)
class Person:
    """What must be true of one person."""

    account: str | None
    customers: list[str]
    email: str | None
    verified: frozenset[str]
    first_name: str
    last_name: str
    is_barred: bool  # banned or locked
    memberships: list[Membership] = field(default_factory=list)

    @property
    def current(self) -> Membership | None:
        """The membership that counts: in the best standing, then the one that lasts longest."""
        ranked = sorted(
            self.memberships, key=lambda m: (BEST_FIRST.index(m.standing), -m.lasts_until)
        )
        return ranked[0] if ranked else None

    @property
    def standing(self) -> str:
        """What the best of her memberships is."""
        return self.current.standing if self.current else NONE

    @property
    def has_access(self) -> bool:
        """Whether everything is open to her, everywhere alike."""
        return not self.is_barred and self.standing in (ACTIVE, PAST_DUE)

    @property
    def tier(self) -> str:
        """The first plan, in the policy's order, of what opens something to her; else of what counts."""
        if self.current is None:
            return ""
        alike = (ACTIVE, PAST_DUE) if self.standing in (ACTIVE, PAST_DUE) else (self.standing,)
        hers = [m for m in self.memberships if m.standing in alike]
        return self.current.tier if self.standing == ENDED else min(hers, key=_rank_of).tier

    @property
    def tags(self) -> set[str]:
        """The tags of her contact: her standing, and while it has not ended her tier and whether she leaves."""
        if self.current is None or self.standing == NONE:
            return set()
        tags = set(TAGS[self.standing])
        if self.standing == ENDED:
            return tags
        return tags | {self.tier} | ({"canceling"} if self.is_canceling else set())

    @property
    def is_canceling(self) -> bool:
        """She asked to leave, and nothing of hers goes on after it."""
        current = self.current
        if current is None or not current.is_canceling:
            return False
        others = [m for m in self.memberships if m is not current and m.standing == ACTIVE]
        return all(m.is_canceling for m in others)


def _rank_of(membership: Membership) -> int:
    return membership.rank


def people(facts: Facts, policy: Object) -> list[Person]:
    """Return everybody who must have a row: who has an account, and who pays or paid for a membership."""
    owners = links(facts, policy)
    found = [
        _person(facts, policy, user, [c for c, who in owners.items() if who == user["id"]])
        for user in facts.clerk
    ]
    mine = {c for person in found for c in person.customers}
    by_email: dict[str, list[Object]] = {}
    for customer in facts.stripe["customer"]:
        gone = owners.get(customer["id"]) in facts.deleted_accounts
        if customer["id"] not in mine and not gone:
            key = customer["id"] if customer["id"] in facts.apart else _plain(customer["email"])
            by_email.setdefault(key, []).append(customer)
    strangers = [_stranger(facts, policy, customers) for customers in by_email.values()]
    return found + [one for one in strangers if one.memberships]


def tiers(facts: Facts, policy: Object) -> dict[str, str]:
    """Return the tier of each subscription that is a membership."""
    found = {s["id"]: membership(facts, policy, s) for s in facts.stripe["subscription"]}
    return {one: known.tier for one, known in found.items() if known is not None}


def links(facts: Facts, policy: Object) -> dict[str, str]:
    """Return whose customer each is: named, linked before, or by an address that Clerk has verified."""
    verified = {
        _plain(address["email_address"]): user["id"]
        for user in facts.clerk
        for address in user["email_addresses"]
        if address["verification"]["status"] == "verified"
    }
    living = {user["id"] for user in facts.clerk}
    owners = {}
    for customer in facts.stripe["customer"]:
        by_address = verified.get(_plain(customer["email"]))
        known = [
            account
            for account in (_named(facts, policy, customer), facts.links.get(customer["id"]))
            if account is not None
        ]
        alive = [account for account in known if account in living]
        if alive:
            owners[customer["id"]] = alive[0]
        elif by_address and _is_paid_to_be(facts, policy, customer["id"], was_hers=bool(known)):
            owners[customer["id"]] = by_address
        elif known:
            owners[customer["id"]] = known[0]  # of an account that is deleted
    return owners


def membership(facts: Facts, policy: Object, subscription: Object) -> Membership | None:
    """Return what a subscription is worth; None where it is no membership, or nothing was ever paid."""
    tier = _tier(facts, policy, subscription)
    if tier is None or not _was_paid(facts, subscription):
        return None
    standing, ends_at = _standing(facts, policy, subscription)
    items = subscription["items"]["data"]
    period_end = max(item["current_period_end"] for item in items)
    is_kept = subscription["status"] == "canceled" and standing == ACTIVE
    asked = subscription["cancel_at"] is not None and (
        subscription["canceled_at"] != subscription["start_date"]
    )
    return Membership(
        subscription=subscription["id"],
        standing=standing,
        tier=tier,
        rank=[plan["tier"] for plan in policy["plans"]].index(tier),
        is_canceling=standing in (ACTIVE, PAST_DUE, PAUSED) and (asked or is_kept),
        ends_at=ends_at,
        lasts_until=period_end,
        began=subscription["start_date"],
    )


def charged(facts: Facts, policy: Object, customers: list[str]) -> set[str] | None:
    """Return the memberships of customers that Stripe goes on charging for; None where the rules do not say.

    Left open is what is owed, and what was agreed to end.
    """
    living = [
        s
        for s in facts.stripe["subscription"]
        if s["customer"] in customers
        and s["status"] not in ("canceled", "incomplete_expired", "paused")
        and s["pause_collection"] is None
        and membership(facts, policy, s) is not None
    ]
    if any(s["status"] not in ("active", "trialing") for s in living):
        return None
    if any(s["cancel_at"] and s["canceled_at"] == s["start_date"] for s in living):
        return None
    return {s["id"] for s in living if s["cancel_at"] is None}


def disputed(facts: Facts, policy: Object) -> set[str]:
    """Return the charges for memberships that a bank has yet to decide about."""
    open_ones = {
        d["charge"]
        for d in facts.stripe.get("dispute", [])
        if d["status"] not in ("won", "lost", "warning_closed", "prevented")
    }
    mine = {
        _charge(facts, invoice)["id"]
        for s in facts.stripe["subscription"]
        if membership(facts, policy, s) is not None
        for invoice in _invoices(facts, s)
        if _charge(facts, invoice) is not None
    }
    return open_ones & mine


def _standing(facts: Facts, policy: Object, subscription: Object) -> tuple[str, int | None]:
    status, now = subscription["status"], facts.now
    money_back = _money_back_at(facts, policy, subscription)
    ends_at = subscription["cancel_at"]
    if status == "canceled":
        return _ended(facts, subscription, money_back)
    if status == "unpaid":
        return ENDED, None
    if ends_at is not None and money_back is not None and status != "past_due":
        return (
            ENDED,
            money_back,
        )  # also where it rests: what was paid back and is to end does not come back
    if status == "paused" or subscription["pause_collection"] is not None:
        return PAUSED, ends_at
    if status == "past_due":
        grace = _failed_since(facts, subscription) + _seconds(policy["access"]["past_due"]["for"])
        return (PAST_DUE, min(grace, ends_at or grace)) if now < grace else (ENDED, grace)
    return ACTIVE, ends_at


def _ended(facts: Facts, subscription: Object, money_back: int | None) -> tuple[str, int]:
    """Who has paid keeps her membership until the paid period is over, unless money was given back for it."""
    items = subscription["items"]["data"]
    period_end = max(item["current_period_end"] for item in items)
    paid_until = min(filter(None, (subscription["cancel_at"], period_end)))
    reason = subscription["cancellation_details"]["reason"]
    is_unpaid = reason == "payment_failed" or not _is_paid_for(facts, subscription)
    was_paid_back = money_back is not None or _some_money_back(facts, subscription)
    rested = subscription["pause_collection"] is not None
    if is_unpaid or rested or was_paid_back or paid_until <= facts.now:
        return ENDED, subscription["ended_at"]
    return ACTIVE, paid_until


def _tier(facts: Facts, policy: Object, subscription: Object) -> str | None:
    """Return the tier of the first plan, by rank, that any item is on; a lookup key that went leaves it as it was."""
    for plan in policy["plans"]:
        for item in subscription["items"]["data"]:
            price = item["price"]
            if (
                price["id"] in plan.get("prices", ())
                or price["product"] in plan.get("products", ())
                or price["lookup_key"] in plan.get("lookup_keys", ())
            ):
                return str(plan["tier"])
    return facts.tiers.get(subscription["id"])


def _was_paid(facts: Facts, subscription: Object) -> bool:
    """Was it ever paid for or on trial."""
    return subscription["trial_start"] is not None or any(
        invoice["status"] == "paid" for invoice in _invoices(facts, subscription)
    )


def _is_paid_to_be(facts: Facts, policy: Object, customer_id: str, *, was_hers: bool) -> bool:
    """Tell whether an address makes a customer somebody's: by what was paid; after a deleted account, what goes on."""
    return any(
        _tier(facts, policy, s) is not None
        and _was_paid(facts, s)
        and not (was_hers and s["status"] == "canceled")
        for s in facts.stripe["subscription"]
        if s["customer"] == customer_id
    )


def _is_paid_for(facts: Facts, subscription: Object) -> bool:
    """Is nothing owed: what a pause has made void asks for no money."""
    invoices = [i for i in _invoices(facts, subscription) if i["status"] not in ("void", "draft")]
    return bool(invoices) and invoices[-1]["status"] == "paid"


def _failed_since(facts: Facts, subscription: Object) -> int:
    """Return when the first payment of those that are open now failed."""
    since = 0
    for invoice in reversed(_invoices(facts, subscription)):
        if invoice["status"] == "paid":
            break
        if invoice["status"] == "open" and invoice["attempted"]:
            since = invoice["status_transitions"]["finalized_at"]
    return since


def _money_back_at(facts: Facts, policy: Object, subscription: Object) -> int | None:
    """Return when all money of the running period was given back: by a refund, or a dispute that was lost."""
    item = subscription["items"]["data"][0]
    for invoice in _invoices(facts, subscription):
        pays_for_it = any(
            line["period"]["end"] >= item["current_period_end"] for line in _base_lines(invoice)
        )
        if pays_for_it and (at := _returned_at(facts, policy, invoice)) is not None:
            return at
    return None


def _base_lines(invoice: Object) -> list[Object]:
    """Return the lines that pay for a period: an upgrade's difference is an item of its own."""
    return [
        line
        for line in invoice["lines"]["data"]
        if line["parent"]["subscription_item_details"] is not None and line["amount"] > 0
    ]


def _returned_at(facts: Facts, policy: Object, invoice: Object) -> int | None:
    charge = _charge(facts, invoice)
    if charge is None:
        return None
    if charge["refunded"] and policy["refunds"]["full"] == "end":
        return max(r["created"] for r in _refunds(facts, charge))
    for dispute in facts.stripe.get("dispute", []):
        if dispute["charge"] == charge["id"] and dispute["status"] == "lost":
            return int(dispute["created"]) if policy["disputes"]["lost"] == "end" else None
    return None


def _some_money_back(facts: Facts, subscription: Object) -> bool:
    """Was the rest of a period paid back when the subscription was ended at once: by one act, in whatever order."""
    invoices = [one for one in _invoices(facts, subscription) if _base_lines(one)]
    charges = [_charge(facts, invoice) for invoice in invoices]
    since = subscription["ended_at"] - UNITS["h"]
    return any(refund["created"] >= since for c in charges if c for refund in _refunds(facts, c))


def was_money_sent_back(facts: Facts, membership: Membership) -> bool:
    """Was any of what was paid for it sent back, also where it came back to us."""
    subscription = {"id": membership.subscription}
    charges = {c["id"] for i in _invoices(facts, subscription) if (c := _charge(facts, i))}
    return any(refund["charge"] in charges for refund in facts.stripe.get("refund", []))


def _refunds(facts: Facts, charge: Object) -> list[Object]:
    return [
        r
        for r in facts.stripe.get("refund", [])
        if r["charge"] == charge["id"] and r["status"] == "succeeded"
    ]


def _charge(facts: Facts, invoice: Object) -> Object | None:
    wanted = f"ch_{invoice['id'].partition('_')[2]}"
    return next((c for c in facts.stripe.get("charge", []) if c["id"] == wanted), None)


def _invoices(facts: Facts, subscription: Object) -> list[Object]:
    return [
        i
        for i in facts.stripe.get("invoice", [])
        if i["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]


def _person(facts: Facts, policy: Object, user: Object, customers: list[str]) -> Person:
    addresses = user["email_addresses"]
    verified = [a for a in addresses if a["verification"]["status"] == "verified"]
    primary = [a for a in verified if a["id"] == user["primary_email_address_id"]]
    names = user["first_name"] or "", user["last_name"] or ""
    if not any(names):
        names = _names_of(facts, customers)
    return Person(
        account=user["id"],
        customers=customers,
        email=_plain(primary[0]["email_address"]) if primary else None,
        verified=frozenset(_plain(a["email_address"]) for a in verified),
        first_name=names[0],
        last_name=names[1],
        is_barred=user["banned"] or user["locked"],
        memberships=_memberships(facts, policy, customers),
    )


def _stranger(facts: Facts, policy: Object, customers: list[Object]) -> Person:
    ids = [customer["id"] for customer in customers]
    names = _names_of(facts, ids)
    has_address = not facts.apart & set(ids)  # it is another's
    return Person(
        account=None,
        customers=ids,
        email=_plain(customers[0]["email"]) or None if has_address else None,
        verified=frozenset(),
        first_name=names[0],
        last_name=names[1],
        is_barred=False,
        memberships=_memberships(facts, policy, ids),
    )


def _memberships(facts: Facts, policy: Object, customers: list[str]) -> list[Membership]:
    mine = [s for s in facts.stripe["subscription"] if s["customer"] in customers]
    return [m for s in mine if (m := membership(facts, policy, s)) is not None]


def _names_of(facts: Facts, customers: list[str]) -> tuple[str, str]:
    for customer in facts.stripe["customer"]:
        if customer["id"] in customers and customer["name"]:
            first, _, last = customer["name"].partition(" ")
            return first, last
    return "", ""


def _named(facts: Facts, policy: Object, customer: Object) -> str | None:
    """Return the account that a checkout, a subscription or the customer names."""
    objects = [
        *[s for s in facts.stripe.get("checkout.session", []) if s["customer"] == customer["id"]],
        *[s for s in facts.stripe["subscription"] if s["customer"] == customer["id"]],
        customer,
    ]
    for one in objects:
        for place in policy["clerk_user_id"]:
            _, is_metadata, key = place.rpartition("metadata.")
            named = one["metadata"].get(key) if is_metadata else one.get(place)
            if named:
                return str(named)
    return None


def _seconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def _plain(email: str | None) -> str:
    return (email or "").strip().lower()
