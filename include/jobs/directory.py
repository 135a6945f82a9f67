"""The members that some events are about, in memory: who is who, and what each state makes of her.

Pure: members come in as they were read, and go out as they should be written. A person may be known to
one vendor first; when the other one turns up, two members become one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from include.errors import MemberUnknownError
from include.jobs.endings import History, membership_from, membership_gone
from include.store.members import Handle, Member, Membership

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from include.events import Checkout, CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
    from include.store.contacts import Contact
    from include.store.deactivations import Deactivation
    from include.store.refunds import Refund

EMAIL, NAME = "email", "name"


class Directory:
    """Members by whatever they are known by."""

    def __init__(self, now: datetime) -> None:
        """Start empty; `now` is when what is done here happens."""
        self.now = now
        self.members: dict[UUID, Member] = {}
        self.known: dict[UUID, Member] = {}
        self.merged: dict[UUID, UUID] = {}
        self._ids: dict[Handle, UUID] = {}
        self._clerk_provides: dict[UUID, frozenset[str]] = {}
        self._latest: Mapping[str, Deactivation] = {}
        self._refunds: Mapping[str, Refund] = {}

    def add(self, members: Mapping[UUID, Member], handles: Mapping[Handle, UUID]) -> None:
        """Take in members as they were read; `handles` are further ones they are known by."""
        for member in members.values():
            self.known.setdefault(member.id, member)
            if member.id not in self.members:
                self._put(member)
        self._ids.update(handles)

    def note_provided(self, member_id: UUID, provides: frozenset[str]) -> None:
        """Note what a member has from Clerk: Stripe does not overwrite that."""
        self._clerk_provides[member_id] = provides

    def note_endings(
        self, latest: Mapping[str, Deactivation], refunds: Mapping[str, Refund]
    ) -> None:
        """Note what is known of subscriptions' ends, by subscription."""
        self._latest, self._refunds = latest, refunds

    def find(self, kind: str, value: str | None) -> Member | None:
        """Return the member known by this, if there is one."""
        member_id = self._ids.get(Handle(kind, value or ""))
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
            return self._put(replace(member, deleted_at=member.deleted_at or at))
        member = member or self._unclaimed(user.email) or self._new()
        given = frozenset({EMAIL} if user.email else ()) | frozenset(
            {NAME} if user.first_name or user.last_name else ()
        )
        self.note_provided(member.id, given)
        if NAME in given:
            member = replace(member, first_name=user.first_name, last_name=user.last_name)
        self._put(replace(member, clerk_user_id=user.id))
        return self._give_email(member.id, user.email, is_unique=True)

    def apply_customer(self, customer: CustomerSnapshot) -> UUID:
        """Bring a member in line with her Stripe customer, where Clerk says nothing else."""
        member = self.find("customer", customer.id)
        if customer.deleted:
            if member is None:
                raise MemberUnknownError("Stripe's customer is deleted and was no member here")
            return member.id
        member = member or self.find("email", _lower(customer.email)) or self._new()
        provided = self._provided(member)
        first_name, _, last_name = customer.name.partition(" ")
        if NAME not in provided and customer.name:
            member = replace(member, first_name=first_name, last_name=last_name.strip())
        self._ids[Handle("customer", customer.id)] = member.id
        self._put(replace(member, stripe_customer_id=member.stripe_customer_id or customer.id))
        email = None if EMAIL in provided else customer.email
        return self._give_email(member.id, email, is_unique=False)

    def link(self, checkout: Checkout) -> None:
        """Join the customer who paid and the Clerk user she was when she did."""
        user = self.find("user", checkout.clerk_user_id)
        customer = self.find("customer", checkout.customer_id)
        if user is not None and customer is not None and _may_be_one(user, customer):
            self._merge(user, customer)

    def apply_subscription(self, subscription: SubscriptionSnapshot, *, at: datetime) -> UUID:
        """Bring a membership in line with its subscription, as it was at that moment."""
        member = self.find("customer", subscription.customer_id)
        holder = self.find("subscription", subscription.id)
        member = member or holder
        if member is None:
            raise MemberUnknownError("Stripe does not know the subscription's customer any more")
        before = _membership_of(holder, subscription.id) if holder else None
        if holder is not None and holder.id != member.id:
            self._put(_without(holder, subscription.id))
        membership = membership_from(
            subscription,
            before=before,
            history=self.history(subscription.id, member),
            at=at,
            now=self.now,
        )
        return self._put(_with(member, membership))

    def end_subscription(self, subscription_id: str, *, at: datetime) -> UUID:
        """End the membership of a subscription that Stripe does not know any more."""
        member = self.find("subscription", subscription_id)
        if member is None:
            raise MemberUnknownError("Stripe does not know the subscription")
        membership = membership_gone(
            subscription_id,
            before=_membership_of(member, subscription_id),
            history=self.history(subscription_id, member),
            at=at,
            now=self.now,
        )
        return self._put(_with(member, membership))

    def history(self, subscription_id: str, member: Member) -> History:
        """Return what tells of the end of this member's subscription."""
        return History(
            latest=self._latest.get(subscription_id),
            refund=self._refunds.get(subscription_id),
            deleted_at=member.deleted_at,
        )

    def provides(self, member_id: UUID) -> frozenset[str]:
        """Return what a member has from Clerk."""
        return self._provided(self.members[member_id])

    def _provided(self, member: Member) -> frozenset[str]:
        if member.id in self._clerk_provides or member.clerk_user_id is None:
            return self._clerk_provides.get(member.id, frozenset())
        named = frozenset({NAME} if member.first_name or member.last_name else ())
        return named | frozenset({EMAIL} if member.email else ())  # the platform got it from Clerk

    def _unclaimed(self, email: str | None) -> Member | None:
        member = self.find("email", _lower(email))
        return member if member is not None and member.clerk_user_id is None else None

    def _new(self) -> Member:
        return Member(id=uuid4(), created_at=self.now)

    def _put(self, member: Member) -> UUID:
        old = self.members.get(member.id)
        for handle in _handles(old) - _handles(member) if old else ():
            self._ids.pop(handle, None)
        self._ids.update(dict.fromkeys(_handles(member), member.id))
        self.members[member.id] = member
        return member.id

    def _give_email(self, member_id: UUID, email: str | None, *, is_unique: bool) -> UUID:
        """Give a member an address; whoever has it already is the same person, if she can be.

        Of two Clerk accounts only one can have it: the one for which Clerk says so (`is_unique`).
        """
        member = self.members[member_id]
        holder = self.find("email", _lower(email))
        if email is None:
            return member_id
        if holder is not None and holder.id != member_id:
            if _may_be_one(member, holder):
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
        survivor, lost = sorted((one, other), key=_seniority)
        provided = self._provided(survivor) | self._provided(lost)
        self.merged[lost.id] = survivor.id
        self._put(
            replace(
                lost,
                email=None,
                stripe_customer_id=None,
                memberships=(),
                contact=None,
                deleted_at=lost.deleted_at or self.now,
            )
        )
        if lost.id not in self.known:  # made by the events at hand: there is no row to keep
            del self.members[lost.id]
        has_name = survivor.first_name or survivor.last_name
        self._put(
            replace(
                survivor,
                email=survivor.email or lost.email,
                stripe_customer_id=survivor.stripe_customer_id or lost.stripe_customer_id,
                first_name=survivor.first_name if has_name else lost.first_name,
                last_name=survivor.last_name if has_name else lost.last_name,
                memberships=(*survivor.memberships, *lost.memberships),
                contact=_joined(survivor.contact, lost.contact),
                created_at=min(survivor.created_at, lost.created_at),
            )
        )
        if survivor.clerk_user_id is not None:
            self.note_provided(survivor.id, provided)
        return self.members[survivor.id]


def _may_be_one(one: Member, other: Member) -> bool:
    """Tell whether two members can be one person: not with two living Clerk accounts."""
    has_two_accounts = one.clerk_user_id is not None and other.clerk_user_id is not None
    return not has_two_accounts or bool(one.deleted_at or other.deleted_at)


def _seniority(member: Member) -> tuple[bool, bool, datetime, str]:
    """Sort the member first whose row stays: alive, known to Clerk, older."""
    is_deleted = member.deleted_at is not None
    return is_deleted, member.clerk_user_id is None, member.created_at, str(member.id)


def _joined(kept: Contact | None, lost: Contact | None) -> Contact | None:
    """Keep one contact; the other one's hash is to be archived."""
    if kept is None or lost is None or kept.subscriber_hash == lost.subscriber_hash:
        return kept or lost
    return replace(kept, retired=(*kept.retired, lost.subscriber_hash, *lost.retired))


def _handles(member: Member) -> set[Handle]:
    handles = {
        Handle("user", member.clerk_user_id or ""),
        Handle("customer", member.stripe_customer_id or ""),
        Handle("email", "" if member.deleted_at else member.address or ""),
        *(Handle("subscription", m.subscription_id or "") for m in member.memberships),
    }
    return {handle for handle in handles if handle.value}


def _membership_of(member: Member, subscription_id: str) -> Membership | None:
    found = (m for m in member.memberships if m.subscription_id == subscription_id)
    return next(found, None)


def _without(member: Member, subscription_id: str) -> Member:
    others = tuple(m for m in member.memberships if m.subscription_id != subscription_id)
    return replace(member, memberships=others)


def _with(member: Member, membership: Membership) -> Member:
    others = _without(member, membership.subscription_id or "").memberships
    ordered = sorted((*others, membership), key=lambda m: m.subscription_id or "")
    return replace(member, memberships=tuple(ordered))


def _lower(email: str | None) -> str | None:
    return email.lower() if email else None
