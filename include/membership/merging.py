"""One member and her memberships, and whether two may be one person and what she is then. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from include.membership.members import ExternalId
from include.membership.standing import STANDINGS, Standing, current_membership

if TYPE_CHECKING:
    from datetime import datetime

    from include.membership.contacts import Contact
    from include.membership.members import Member, Membership


def external_ids_of(member: Member) -> set[ExternalId]:
    """Return whatever a member is known by."""
    external_ids = {
        ExternalId("user", member.clerk_user_id or ""),
        ExternalId("customer", member.stripe_customer_id or ""),
        *(ExternalId("customer", m.customer_id or "") for m in member.memberships),
        ExternalId("email", "" if member.deleted_at else member.address or ""),
        *(ExternalId("subscription", m.subscription_id or "") for m in member.memberships),
        *(ExternalId("verified", "" if member.deleted_at else one) for one in member.addresses),
    }
    return {external_id for external_id in external_ids if external_id.value}


def membership_of(member: Member, subscription_id: str) -> Membership | None:
    """Return her membership of a subscription, if she has one."""
    found = (m for m in member.memberships if m.subscription_id == subscription_id)
    return next(found, None)


def without_membership(member: Member, subscription_id: str) -> Member:
    """Return her without what she has of a subscription."""
    others = tuple(m for m in member.memberships if m.subscription_id != subscription_id)
    return replace(member, memberships=others)


def with_membership(member: Member, membership: Membership) -> Member:
    """Return her with a membership, in the place of what she had of its subscription."""
    others = without_membership(member, membership.subscription_id or "").memberships
    ordered = sorted((*others, membership), key=lambda m: m.subscription_id or "")
    return replace(member, memberships=tuple(ordered))


def at_customer(member: Member) -> Member:
    """Name the customer of the membership that counts; what Stripe has ended may have no customer any more."""
    running = [m for m in member.memberships if m.ended_at is None and m.customer_id is not None]
    current = current_membership(running)
    if current is None or STANDINGS[current.status] <= Standing.ENDED:
        return member
    return replace(member, stripe_customer_id=current.customer_id)


def may_be_one(one: Member, other: Member) -> bool:
    """Tell whether two members can be one person: not with two living Clerk accounts."""
    has_two_accounts = one.clerk_user_id is not None and other.clerk_user_id is not None
    return not has_two_accounts or bool(one.deleted_at or other.deleted_at)


def are_two(one: Member, other: Member) -> bool:
    """Tell whether two without an account, who have different names, have paid for a membership each."""
    have_accounts = one.clerk_user_id is not None or other.clerk_user_id is not None
    have_paid = bool(one.memberships and other.memberships)
    return have_paid and not have_accounts and is_other(_name_of(one), other)


def is_other(name: str, member: Member) -> bool:
    """Tell whether a name is known to be another one than a member's."""
    hers = _name_of(member)
    return bool(name and hers) and name.casefold() != hers.casefold()


def _name_of(member: Member) -> str:
    return f"{member.first_name} {member.last_name}".strip()


def by_seniority(one: Member, other: Member) -> tuple[Member, Member]:
    """Return the member whose row stays, and the other one."""
    survivor, lost = sorted((one, other), key=_seniority)
    return survivor, lost


def merged(survivor: Member, lost: Member, *, now: datetime) -> tuple[Member, Member]:
    """Return both as they are when they have become one: what she lacks she has from the other, who keeps nothing."""
    has_name = survivor.first_name or survivor.last_name
    kept = replace(
        survivor,
        email=survivor.email or lost.email,
        stripe_customer_id=survivor.stripe_customer_id or lost.stripe_customer_id,
        first_name=survivor.first_name if has_name else lost.first_name,
        last_name=survivor.last_name if has_name else lost.last_name,
        memberships=(*survivor.memberships, *lost.memberships),
        contact=_joined(survivor.contact, lost.contact),
        created_at=min(survivor.created_at, lost.created_at),
    )
    gone = replace(
        lost,
        email=None,
        stripe_customer_id=None,
        memberships=(),
        contact=None,
        deleted_at=lost.deleted_at or now,
    )
    return kept, gone


def _seniority(member: Member) -> tuple[bool, bool, datetime, str]:
    """Sort the member first whose row stays: alive, known to Clerk, older."""
    is_deleted = member.deleted_at is not None
    return is_deleted, member.clerk_user_id is None, member.created_at, str(member.id)


def _joined(kept: Contact | None, lost: Contact | None) -> Contact | None:
    """Keep one contact; the other one's hash is to be archived."""
    if kept is None or lost is None or kept.subscriber_hash == lost.subscriber_hash:
        return kept or lost
    return replace(kept, retired=(*kept.retired, lost.subscriber_hash, *lost.retired))
