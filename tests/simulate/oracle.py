"""What must be true of everybody, by the vendors' final states and the policy file alone.

Written from the rules, apart from the jobs: nothing of theirs is imported, nothing of ours is asked. In go the objects
that Stripe and Clerk have (read from the sandbox), the policy as plain YAML, and which customers were somebody's at the
last calm (a link that exists is not replaced); out come, for each person, her standing and all that follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulate.worth import (
    ACTIVE,
    ENDED,
    NONE,
    PAST_DUE,
    PAUSED,
    Facts,
    Membership,
    Object,
    is_paid_to_be,
    membership,
)

BEST_FIRST = (ACTIVE, PAST_DUE, PAUSED, ENDED, NONE)
TAGS = {ACTIVE: {"active"}, PAST_DUE: {"past_due"}, PAUSED: {"paused"}, ENDED: {"alumni"}}


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
        elif by_address and is_paid_to_be(facts, policy, customer["id"], was_hers=bool(known)):
            owners[customer["id"]] = by_address
        elif known:
            owners[customer["id"]] = known[0]  # of an account that is deleted
    return owners


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


def _plain(email: str | None) -> str:
    return (email or "").strip().lower()
