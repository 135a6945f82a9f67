"""How a member's contact at Mailchimp should be: pure functions from a member and the policy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from include.membership.policy import (
    NAMES_FIELDS,
    STANDING_NAMES,
    USUAL_FIELDS,
    USUAL_TAGS,
    VALUE,
    shipped,
)
from include.membership.standing import STANDINGS, Standing, current_membership, standing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from include.membership.contacts import Contact
    from include.membership.members import Member, Membership
    from include.membership.policy import Fact, Policy

STANDING_TAGS = {
    Standing.ACTIVE: "active",
    Standing.PAST_DUE: "past_due",
    Standing.PAUSED: "paused",
    Standing.ENDED: "alumni",
}
DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredContact:
    """How a member's contact should be. Without `subscribed` she should get no mail.

    Without an address, which another account has now, it is the contact that she was left with. Of `fields`,
    in the policy's order, those that we do not know are None.
    """

    email: str | None
    subscribed: bool
    fields: Mapping[str, str | None]
    tags: frozenset[str]
    definition: bytes = (
        b""  # what tells the policy's own fields and tags apart; nothing for the usual ones
    )

    @property
    def merge_fields(self) -> dict[str, str]:
        """Return the fields to write: what we do not know is not overwritten."""
        return {name: value for name, value in self.fields.items() if value is not None}

    @property
    def sha256(self) -> bytes:
        """Return what tells two desired contacts apart; at its end, under which definition."""
        values = [value or "" for value in self.fields.values()]
        told = [self.email, self.subscribed, *values, sorted(self.tags)]
        return hashlib.sha256(orjson.dumps(told)).digest() + self.definition

    def is_of_definition(self, applied_sha256: bytes) -> bool:
        """Tell whether what was applied was defined as this contact is."""
        return applied_sha256[DIGEST_BYTES:] == self.definition


def tags_of(memberships: Sequence[Membership], policy: Policy) -> frozenset[str]:
    """Return the tags that memberships ask for.

    At most one of active, past_due, paused and alumni; canceling for who asked to leave and has nothing that
    goes on; the policy's own, such as the tier's, while it has not ended.
    """
    membership = current_membership(memberships)
    standing = Standing.NONE if membership is None else STANDINGS[membership.status]
    if membership is None or standing is Standing.NONE:
        return frozenset()
    if standing is Standing.ENDED:
        return frozenset({STANDING_TAGS[standing]})
    going_on = [m for m in memberships if STANDINGS[m.status] is Standing.ACTIVE]
    is_canceling = all(m.is_canceling for m in (membership, *going_on))
    facts = {tag: FACTS[fact](memberships, policy) for tag, fact in policy.tags.items()}
    named = {tag.replace(VALUE, value) for tag, value in facts.items() if value}
    own = {tag for tag in named if tag.casefold() not in STANDING_NAMES}  # as a price may call it
    return frozenset({STANDING_TAGS[standing], *own, *(("canceling",) if is_canceling else ())})


def tier_of(memberships: Sequence[Membership], policy: Policy) -> str:
    """Return the highest tier, by the policy's rank, of what is open to her now; else of the membership that counts."""
    current = current_membership(memberships)
    if current is None or STANDINGS[current.status] <= Standing.ENDED:
        return current.tier if current else ""
    level = min(STANDINGS[current.status], Standing.PAST_DUE)  # who owes keeps all for her grace
    hers = [m.tier for m in memberships if STANDINGS[m.status] >= level]
    return next((tier for tier in policy.tiers if tier in hers), current.tier)


def _first_active_at(memberships: Sequence[Membership], _policy: Policy) -> str | None:
    """Return the day on which she became a member, as Mailchimp's date fields have it."""
    began = [m.first_active_at for m in memberships if m.first_active_at]
    return min(began).date().isoformat() if began else None


def _first_active_year(memberships: Sequence[Membership], policy: Policy) -> str | None:
    return (_first_active_at(memberships, policy) or "")[:4] or None


def _ends_at(memberships: Sequence[Membership], _policy: Policy) -> str:
    """Return the day on which what counts is going to end, or has ended; empty where it goes on."""
    current = current_membership(memberships)
    if current is None:
        return ""
    renews_until = current.current_period_end if current.cancel_at_period_end else None
    instant = current.cancel_at or renews_until or current.ended_at
    return instant.date().isoformat() if instant else ""


FACTS: Mapping[Fact, Callable[[Sequence[Membership], Policy], str | None]] = {
    "tier": tier_of,
    "first_active_at": _first_active_at,
    "first_active_year": _first_active_year,
    "ends_at": _ends_at,
}
"""What the policy's merge fields and tags are made of: None is not known, and not written."""


def fields_named_by(policy: Policy) -> tuple[str, ...]:
    """Return the merge fields that a contact gets; the audience must have them."""
    return (*NAMES_FIELDS, *policy.merge_fields)


def desired_contact_of(member: Member, policy: Policy | None = None) -> DesiredContact | None:
    """Return how her contact should be; None where she should have none, or none is possible.

    No contact for whom never was a member, and none is made for a deleted account. Without a `policy` the
    installation's own says which merge fields and tags there are.
    """
    policy = policy or shipped()
    standing = standing_of(member)
    was_deleted = member.deleted_at is not None
    is_over = was_deleted or standing is Standing.ENDED
    if member.email is None and not (is_over and member.contact):  # there is nobody to write to
        return None
    if standing is Standing.NONE or (was_deleted and not member.contact):
        return None
    names = zip(NAMES_FIELDS, (member.first_name or None, member.last_name or None), strict=True)
    ended_tags = frozenset({STANDING_TAGS[Standing.ENDED]})
    return DesiredContact(
        email=member.email,
        subscribed=standing is not Standing.ENDED,
        fields={
            **dict(names),
            **{
                name: FACTS[fact](member.memberships, policy)
                for name, fact in policy.merge_fields.items()
            },
        },
        tags=ended_tags if was_deleted else tags_of(member.memberships, policy),
        definition=_definition_of(policy),
    )


def _definition_of(policy: Policy) -> bytes:
    """Return what tells apart which fields and tags a policy asks for; nothing for the usual ones."""
    told = [policy.merge_fields, policy.tags]
    is_usual = told == [USUAL_FIELDS, USUAL_TAGS]
    return b"" if is_usual else hashlib.sha256(orjson.dumps(told)).digest()[:4]


def has_tag(tags: Iterable[str], tag: str) -> bool:
    """Tell whether a tag is among these, in whatever case it is written: at Mailchimp they are one."""
    return tag.casefold() in {one.casefold() for one in tags}


def tags_in(tags: Iterable[str], wanted: Iterable[str]) -> frozenset[str]:
    """Return those of the tags that are wanted, in whatever case they are written."""
    known = {one.casefold() for one in wanted}
    return frozenset(tag for tag in tags if tag.casefold() in known)


def is_satisfied(desired: DesiredContact | None, contact: Contact | None) -> bool:
    """Tell whether nothing has to be called."""
    if desired is None or contact is None:
        return desired is None
    return contact.applied_sha256 == desired.sha256 and not contact.retired
