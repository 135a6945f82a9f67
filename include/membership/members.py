"""What is known of a person: who she is, her memberships, and her contact at Mailchimp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from include.events.values import address_from

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from include.events import SubscriptionStatus
    from include.membership.contacts import Contact


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """A subscription as the platform keeps it."""

    subscription_id: str | None
    status: SubscriptionStatus
    tier: str = ""
    current_period_end: datetime | None = None
    cancel_at: datetime | None = None
    cancel_at_period_end: bool = False
    first_active_at: datetime | None = None
    ended_at: datetime | None = None
    customer_id: str | None = None
    past_due_since: datetime | None = None
    is_fixed_term: bool = False  # its end was agreed when it began
    keyed_price: str | None = None  # its price, where only the lookup key puts that on a plan

    @property
    def is_canceling(self) -> bool:
        """Tell whether somebody asked to end it."""
        return self.cancel_at_period_end or (
            self.cancel_at is not None and not (self.is_fixed_term and self.ended_at is None)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A person: what the platform knows of her, and her contact at Mailchimp."""

    id: UUID
    email: str | None = None
    clerk_user_id: str | None = None
    stripe_customer_id: str | None = None
    first_name: str = ""
    last_name: str = ""
    created_at: datetime
    deleted_at: datetime | None = None
    addresses: frozenset[str] = frozenset()  # those that Clerk has verified
    is_barred: bool = False  # Clerk has banned her, or locked her out
    memberships: tuple[Membership, ...] = ()
    contact: Contact | None = None

    @property
    def address(self) -> str | None:
        """Return the e-mail address as it is compared."""
        return address_from(self.email)

    @property
    def all_addresses(self) -> frozenset[str]:
        """Return all addresses that identify her: her main one, and those that Clerk has verified."""
        return self.addresses | ({self.address} if self.address else frozenset())


class ExternalId(NamedTuple):
    """Something a member is known by."""

    kind: str  # customer, subscription, user (of Clerk), email, verified (an address that Clerk knows as hers)
    value: str


def state_of(member: Member) -> dict[str, object]:
    """Return a member's state as the audit log shows it: no name, no address."""
    contact = member.contact
    return {
        "deleted": member.deleted_at is not None,
        "memberships": [_membership_state(membership) for membership in member.memberships],
        "contact": contact
        and {
            "subscriber_hash": contact.subscriber_hash,
            "status": str(contact.status),
            "tags": sorted(contact.tags),
        },
    }


def _membership_state(membership: Membership) -> dict[str, object]:
    def shown(name: str) -> str | None:
        instant = getattr(membership, name)
        return instant.isoformat() if instant else None

    return {
        "subscription_id": membership.subscription_id,
        "status": str(membership.status),
        "tier": membership.tier,
        "cancel_at_period_end": membership.cancel_at_period_end,
        **{name: shown(name) for name in ("current_period_end", "cancel_at", "ended_at")},
    }
