"""The members that some events are about, in memory: who is who, and what each state makes of her.

Pure: members come in as they were read, and go out as they should be written. A person may be known to
one vendor first; when the other one turns up, two members become one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from include.errors import MemberUnknownError
from include.events.values import address_from
from include.membership.end_rules import (
    EndHistory,
    membership_from,
    membership_gone,
    not_a_membership,
)
from include.membership.identity import account_named_by
from include.membership.members import ExternalId, Member
from include.membership.merging import (
    are_two,
    at_customer,
    by_seniority,
    external_ids_of,
    is_other,
    may_be_one,
    membership_of,
    merged,
    with_membership,
    without_membership,
)
from include.membership.plans import NO_PLAN, SubscriptionKind, has_lost_its_key, placement_of
from include.membership.standing import goes_on

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from include.events import CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
    from include.membership.ends import Deactivation, Refund
    from include.membership.members import Membership
    from include.membership.policy import Policy

EMAIL, NAME = "email", "name"
NOBODY = "about nobody who is a member here"
NEVER_PAID = "nothing of the subscription is paid or on trial"
UNTOLD = "the subscription does not say what it is for"
NO_CUSTOMER = "Stripe does not know the subscription's customer any more"


class IdentityMap:
    """Members by whatever they are known by."""

    def __init__(self, now: datetime, policy: Policy) -> None:
        """Start empty; `now` is when what is done here happens, `policy` says what makes a member."""
        self.now = now
        self.policy = policy
        self.members: dict[UUID, Member] = {}
        self.known: dict[UUID, Member] = {}
        self.merged: dict[UUID, UUID] = {}
        self._ids: dict[ExternalId, UUID] = {}
        self._clerk_provides: dict[UUID, frozenset[str]] = {}
        self._latest: Mapping[str, Deactivation] = {}
        self._refunds: Mapping[str, tuple[Refund, ...]] = {}
        self._strangers: dict[str, CustomerSnapshot] = {}
        self._accounts: dict[str, str] = {}
        self.contested: set[UUID] = set()  # whose address somebody of another name pays under, too
        self.misnamed: set[UUID] = set()  # whose customer Stripe says is another account's

    def add(self, members: Mapping[UUID, Member], external_ids: Mapping[ExternalId, UUID]) -> None:
        """Take in members as they were read; `external_ids` are further ones that they are known by."""
        for member in members.values():
            self.known.setdefault(member.id, member)
            if member.id not in self.members:
                self._put(member)
        self._ids.update(external_ids)

    def note_provided(self, member_id: UUID, provides: frozenset[str]) -> None:
        """Note what a member has from Clerk: Stripe does not overwrite that."""
        self._clerk_provides[member_id] = provides

    def note_endings(
        self, latest: Mapping[str, Deactivation], refunds: Mapping[str, tuple[Refund, ...]]
    ) -> None:
        """Note what is known of subscriptions' ends, by subscription."""
        self._latest, self._refunds = latest, refunds

    def find(self, kind: str, value: str | None) -> Member | None:
        """Return the member known by this, if there is one."""
        member_id = self._ids.get(ExternalId(kind, value or ""))
        return None if member_id is None else self.members[self.resolve(member_id)]

    def resolve(self, member_id: UUID) -> UUID:
        """Return whom a member has become part of; mostly herself."""
        while member_id in self.merged:
            member_id = self.merged[member_id]
        return member_id

    def changed(self) -> list[Member]:
        """Return the members that are not as they were read."""
        return [member for member in self.members.values() if self.known.get(member.id) != member]

    def memberships_before(self, member_id: UUID) -> Iterable[Membership]:
        """Return the memberships that a member, and whoever is part of her now, had as read."""
        parts = {member_id} | {part for part in self.merged if self.resolve(part) == member_id}
        return [m for part in parts if part in self.known for m in self.known[part].memberships]

    def apply_user(self, user: UserSnapshot, *, at: datetime) -> UUID:
        """Bring a member in line with her Clerk account; `at` is when she deleted it, if she did."""
        member = self.find("user", user.id)
        if user.deleted:
            if member is None:
                raise MemberUnknownError("Clerk's user is deleted and was no member here")
            # Her addresses stay, so that she is found where she comes back while Stripe goes on charging.
            addresses = member.addresses or frozenset([member.address] if member.address else ())
            return self._put(
                replace(member, deleted_at=member.deleted_at or at, addresses=addresses)
            )
        member = member or self._unclaimed(user.addresses) or self._new()
        given = frozenset({EMAIL} if user.email else ()) | frozenset(
            {NAME} if user.first_name or user.last_name else ()
        )
        self.note_provided(member.id, given)
        if NAME in given:
            member = replace(member, first_name=user.first_name, last_name=user.last_name)
        self._put(
            replace(
                member,
                clerk_user_id=user.id,
                addresses=frozenset(user.addresses),
                is_barred=user.is_barred,
            )
        )
        self._give_email(member.id, user.email, is_unique=True)
        return self._take_over(member.id, user.addresses)

    def apply_customer(self, customer: CustomerSnapshot) -> UUID:
        """Bring a member in line with her Stripe customer, where Clerk says nothing else.

        Raises MemberUnknownError for a customer who is nobody's: she may become a member by what she pays for.
        """
        named = account_named_by(customer, self.policy)
        self.name_account(customer.id, named)
        member = self.find("customer", customer.id) or self.find("user", named)
        if customer.deleted:
            if member is None:
                raise MemberUnknownError("Stripe's customer is deleted and was no member here")
            return self._lose_customer(member, customer.id)
        if member is None:
            self._strangers[customer.id] = customer
            raise MemberUnknownError(NOBODY)
        living = self._verified(customer.email)
        if (
            member.deleted_at is not None and living is not None
        ):  # she has come back with a new account
            member = self._merge(member, living)
        return self._take_customer(member, customer)

    def name_account(self, customer_id: str | None, clerk_user_id: str | None) -> None:
        """Note which Clerk user a checkout or a subscription names, and join them where both are members.

        What a living account pays for is not given to another one by a name (docs/decisions/0043).
        """
        if customer_id is None or clerk_user_id is None:
            return
        self._accounts[customer_id] = clerk_user_id
        user, customer = self.find("user", clerk_user_id), self.find("customer", customer_id)
        if user is None or customer is None or user.id == customer.id:
            return
        if may_be_one(user, customer):
            self._merge(user, customer)
        else:
            self.misnamed.add(customer.id)

    def reason_against(self, subscription: SubscriptionSnapshot) -> str | None:
        """Say why a subscription makes nobody a member; None where it does."""
        kind = placement_of(subscription, self.policy).kind
        if kind is not SubscriptionKind.MEMBERSHIP:
            return NO_PLAN if kind is SubscriptionKind.OTHER else UNTOLD
        return NEVER_PAID if subscription.was_never_paid else None

    def apply_subscription(self, subscription: SubscriptionSnapshot, *, at: datetime) -> UUID:
        """Bring a membership in line with its subscription, as it was at that moment.

        Raises MemberUnknownError where it is no membership, or nobody's that is a member yet.
        """
        holder = self.find("subscription", subscription.id)
        placement = placement_of(subscription, self.policy)
        if holder is None and placement.kind is not SubscriptionKind.MEMBERSHIP:
            raise MemberUnknownError(self.reason_against(subscription))
        self.name_account(subscription.customer_id, account_named_by(subscription, self.policy))
        member = self._payer(subscription) or self.find("subscription", subscription.id)
        if member is None:
            reason = self.reason_against(subscription)
            raise MemberUnknownError(reason or NO_CUSTOMER)
        before = membership_of(holder, subscription.id) if holder else None
        holder = self.find("subscription", subscription.id)
        if holder is not None and holder.id != member.id:
            self._put(without_membership(holder, subscription.id))
        if before is not None and self._is_something_else(subscription, before):
            return self._put(
                with_membership(self.members[member.id], not_a_membership(before, at=at))
            )
        tier = placement.tier if placement.tier is not None else before.tier if before else ""
        membership = membership_from(
            subscription,
            tier=tier,
            before=before,
            history=self.history(subscription.id, member),
            at=at,
            now=self.now,
        )
        keyed_price = placement.keyed_price or (before.keyed_price if before else None)
        membership = replace(membership, keyed_price=keyed_price)
        return self._put(at_customer(with_membership(self.members[member.id], membership)))

    def _is_something_else(self, subscription: SubscriptionSnapshot, before: Membership) -> bool:
        """Tell whether what was a membership was moved to something else; not if only its price lost its key."""
        is_other = placement_of(subscription, self.policy).kind is SubscriptionKind.OTHER
        return is_other and not has_lost_its_key(
            subscription, self.policy, tier=before.tier, keyed_price=before.keyed_price
        )

    def end_subscription(self, subscription_id: str, *, at: datetime) -> UUID:
        """End the membership of a subscription that Stripe does not know any more."""
        member = self.find("subscription", subscription_id)
        if member is None:
            raise MemberUnknownError("Stripe does not know the subscription")
        membership = membership_gone(
            subscription_id,
            before=membership_of(member, subscription_id),
            history=self.history(subscription_id, member),
            at=at,
            now=self.now,
        )
        return self._put(with_membership(member, membership))

    def _payer(self, subscription: SubscriptionSnapshot) -> Member | None:
        """Return whose customer pays for a subscription; who pays for a membership becomes a member."""
        customer_id = subscription.customer_id
        member = self.find("customer", customer_id)
        if member is not None or self.reason_against(subscription) is not None:
            return member
        customer = self._strangers.get(customer_id)
        if customer is None:
            return None
        member = (
            self.find("user", self._accounts.get(customer_id))
            or self._verified(customer.email)
            or self._typed(customer)
            or self._new()
        )
        return self.members[self._take_customer(member, customer)]

    def _verified(self, email: str | None) -> Member | None:
        """Return whose address it is, as Clerk has verified it."""
        member = self.find("verified", address_from(email)) or self.find(
            "email", address_from(email)
        )
        return member if member is not None and _has_verified(member, email, self) else None

    def _typed(self, customer: CustomerSnapshot) -> Member | None:
        """Return who has no account and typed the same address; not if two of other names both pay."""
        member = self.find("email", address_from(customer.email))
        if member is None or member.clerk_user_id is not None:
            return None
        if is_other(customer.name, member) and any(map(goes_on, member.memberships)):
            self.contested.add(member.id)
            return None
        return member

    def _take_customer(self, member: Member, customer: CustomerSnapshot) -> UUID:
        """Make a customer a member's own; what Clerk says of her stays as it is."""
        provided = self._provided(member)
        first_name, _, last_name = customer.name.partition(" ")
        if NAME not in provided and customer.name:
            member = replace(member, first_name=first_name, last_name=last_name.strip())
        self._ids[ExternalId("customer", customer.id)] = member.id
        self._put(replace(member, stripe_customer_id=member.stripe_customer_id or customer.id))
        email = None if EMAIL in provided else customer.email
        return self._give_email(member.id, email, is_unique=False)

    def _lose_customer(self, member: Member, customer_id: str) -> UUID:
        """Forget a customer that Stripe has deleted: it names nobody any more."""
        if member.stripe_customer_id != customer_id:
            return member.id
        self._put(replace(member, stripe_customer_id=None))
        self._ids[ExternalId("customer", customer_id)] = (
            member.id
        )  # for what comes of its subscriptions
        return member.id

    def history(self, subscription_id: str, member: Member) -> EndHistory:
        """Return what tells of the end of this member's subscription."""
        return EndHistory(
            latest=self._latest.get(subscription_id),
            refunds=self._refunds.get(subscription_id, ()),
            deleted_at=member.deleted_at,
            policy=self.policy,
        )

    def provides(self, member_id: UUID) -> frozenset[str]:
        """Return what a member has from Clerk."""
        return self._provided(self.members[member_id])

    def _provided(self, member: Member) -> frozenset[str]:
        if member.id in self._clerk_provides or member.clerk_user_id is None:
            return self._clerk_provides.get(member.id, frozenset())
        named = frozenset({NAME} if member.first_name or member.last_name else ())
        return named | frozenset({EMAIL} if member.email else ())  # the platform got it from Clerk

    def _unclaimed(self, addresses: Iterable[str]) -> Member | None:
        found = (self.find("email", address) for address in addresses)
        return next((one for one in found if one is not None and one.clerk_user_id is None), None)

    def _take_over(self, member_id: UUID, addresses: Collection[str]) -> UUID:
        """Give a living account what was paid for under its addresses: without one, or with one that is deleted."""
        for other in list(self.members.values()):
            is_hers = other.address in addresses and other.id not in self.merged
            is_free = other.deleted_at is not None or other.clerk_user_id is None
            if is_hers and is_free and other.id != self.resolve(member_id):
                self._merge(self.members[self.resolve(member_id)], other)
        return self.resolve(member_id)

    def _new(self) -> Member:
        return Member(id=uuid4(), created_at=self.now)

    def _put(self, member: Member) -> UUID:
        old = self.members.get(member.id)
        for external_id in external_ids_of(old) - external_ids_of(member) if old else ():
            if external_id.kind != "customer":  # she may have several, of which her row names one
                self._ids.pop(external_id, None)
        self._ids.update(dict.fromkeys(external_ids_of(member), member.id))
        self.members[member.id] = member
        return member.id

    def _give_email(self, member_id: UUID, email: str | None, *, is_unique: bool) -> UUID:
        """Give a member an address; whoever has it already is the same person, if she can be.

        Of two Clerk accounts only one can have it: the one for which Clerk says so (`is_unique`).
        """
        member = self.members[member_id]
        holder = self.find("email", address_from(email))
        if email is None:
            return member_id
        if holder is not None and holder.id != member_id:
            is_proven = (
                is_unique or holder.clerk_user_id is None or _has_verified(holder, email, self)
            )
            if not is_unique and are_two(member, holder):
                if all(any(map(goes_on, one.memberships)) for one in (member, holder)):
                    self.contested.add(holder.id)
                return member_id
            if holder.id in self.contested:
                return member_id
            if may_be_one(member, holder) and is_proven:
                member = self._merge(member, holder)
            elif is_unique:
                self._put(replace(holder, email=None))
            else:
                return member_id
        return self._put(replace(member, email=email))

    def _merge(self, one: Member, other: Member) -> Member:
        """Make two members one, and return her. What one lacks she has from the other."""
        if one.id == other.id:
            return one
        survivor, lost = by_seniority(one, other)
        provided = self._provided(survivor) | self._provided(lost)
        self.merged[lost.id] = survivor.id
        kept, gone = merged(survivor, lost, now=self.now)
        self._put(gone)
        if lost.id not in self.known:  # made by the events at hand: there is no row to keep
            del self.members[lost.id]
        self._put(at_customer(kept))
        if survivor.clerk_user_id is not None:
            self.note_provided(survivor.id, provided)
        return self.members[survivor.id]


def _has_verified(member: Member, email: str | None, identity_map: IdentityMap) -> bool:
    """Tell whether Clerk has verified an address for a living member; of old rows only the main one is known."""
    address = address_from(email)
    if address is None or member.clerk_user_id is None or member.deleted_at is not None:
        return False
    is_main = EMAIL in identity_map.provides(member.id) and address == member.address
    return address in member.addresses or is_main
