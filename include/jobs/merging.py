"""Whether two members may be one person, and what she is then. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from include.store.contacts import Contact
    from include.store.members import Member


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
