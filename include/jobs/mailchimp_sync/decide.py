"""From how a contact should be, and how it was left, to what is to be called: pure.

Two things are hers. Who unsubscribed herself stays so, under another address too. And who read the newsletter
before she was a member keeps it when the membership ends: her status stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from include.membership.contacts import Contact, ContactStatus
from include.membership.desired_contact import STANDING_TAGS, has_tag, tags_in
from include.store.run_members import MemberOutcome
from include.vendors.mailchimp.client import ContactFields, subscriber_hash

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from include.membership.desired_contact import DesiredContact
    from include.membership.members import Member
    from include.vendors.mailchimp.client import AudienceMember

STATUSES = {
    "subscribed": ContactStatus.SUBSCRIBED,
    "pending": ContactStatus.PENDING,
    "unsubscribed": ContactStatus.UNSUBSCRIBED,
    "cleaned": ContactStatus.COMPLIANCE,
}
ASLEEP = ("archived", "transactional")
"""Statuses of contacts that are not in the audience's mailings and come in when told to."""
GETS_MAIL = ("subscribed", "pending")
SAME_MOMENT = timedelta(minutes=1)
"""How far apart two things may be that are one: Mailchimp's clock has seconds, and is not ours."""
OUR_TAGS = frozenset({*STANDING_TAGS.values(), "canceling"})
"""The tags of standings: nobody else gives or takes them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactChange:
    """What is to be called for one member."""

    member_id: UUID
    desired: DesiredContact
    key: str  # the hash under which the contact is, or will be
    fields: ContactFields
    tags: dict[str, bool]
    contact: Contact | None  # as it was left
    joined_at: datetime
    move_from: str | None  # the hash of the address she had
    archive: tuple[str, ...]  # hashes that a merge of members left over
    mails_nobody: bool = False  # no automation is to be started by it

    @property
    def is_plain(self) -> bool:
        """Tell whether bulk calls can do it: nothing to move, to archive, to ask first or to keep silent about."""
        is_one = self.move_from is None and not self.archive
        return is_one and not self._must_ask and not self.mails_nobody

    @property
    def _must_ask(self) -> bool:
        """Tell whether only Mailchimp knows if she was a reader before, and so how she is left."""
        contact = self.contact
        is_unknown = contact is not None and contact.is_reader is None and contact.receives_mail
        return is_unknown and not self.desired.subscribed


def change_from(
    member: Member,
    desired: DesiredContact,
    *,
    holder: Contact | None = None,
    held: Iterable[str] = (),
) -> ContactChange:
    """Return the calls that make a member's contact as desired.

    `holder` is the record of another account that had the contact at her address before; `held` are hashes
    of contacts that are others' now, which are left alone.
    """
    contact, held = member.contact, frozenset(held)
    key = wanted_key(desired, contact)
    own = contact if contact and contact.subscriber_hash == key else None
    record = own or holder or contact
    had = (contact.tags if contact else frozenset()) | (holder.tags if holder else frozenset())
    old_hash = contact.subscriber_hash if contact else key
    return ContactChange(
        member_id=member.id,
        desired=desired,
        key=key,
        fields=ContactFields(
            email=desired.email or "",
            merge_fields=desired.merge_fields,
            status_if_new="subscribed" if desired.subscribed else "unsubscribed",
            status=_status_to_set(desired, record),
        ),
        tags=tag_changes(desired, has=had),
        contact=contact or holder,
        joined_at=_joined_at(member),
        move_from=old_hash if old_hash != key and old_hash not in held else None,
        archive=tuple(h for h in (contact.retired if contact else ()) if h not in {key, *held}),
    )


def wanted_key(desired: DesiredContact, contact: Contact | None) -> str:
    """Return the hash of the contact that is desired: of an address we lost, the contact's own."""
    if desired.email is None:
        return contact.subscriber_hash if contact else ""
    return subscriber_hash(desired.email)


def tag_changes(desired: DesiredContact, *, has: Iterable[str]) -> dict[str, bool]:
    """Return the tags to give and to take from a contact that has these; tags have no case."""
    has = frozenset(has)
    give = {tag: True for tag in desired.tags if not has_tag(has, tag)}
    take = {tag: False for tag in has if not has_tag(desired.tags, tag)}
    return dict(sorted((give | take).items()))


def tags_to_set(change: ContactChange, found: AudienceMember) -> dict[str, bool]:
    """Return the tags to give and take, now that Mailchimp says which there are; others are nobody's business."""
    had = change.contact.tags if change.contact else frozenset()
    managed = OUR_TAGS | change.desired.tags | had
    return tag_changes(change.desired, has=tags_in(found.tags, managed))


def fields_of_new_contact(change: ContactChange, old: AudienceMember | None) -> ContactFields:
    """Return what a contact gets that takes the place of another one, which Mailchimp would not rename.

    What she has decided comes with her: who unsubscribed herself is not subscribed under her new address,
    who has not confirmed is asked there. So do names that only Mailchimp knows.
    """
    if old is None:
        return change.fields
    status = change.fields.status_if_new
    if old.status == "pending":
        status = "pending"
    elif old.status == "unsubscribed" and not _was_unsubscribed_by_us(change.contact):
        status = "unsubscribed"
    known = {n: old.merge_fields[n] for n in change.desired.fields if old.merge_fields.get(n)}
    merge_fields = {**known, **change.fields.merge_fields}
    return replace(change.fields, merge_fields=merge_fields, status_if_new=status)


def status_to_tell(change: ContactChange, found: AudienceMember) -> str | None:
    """Return the status that a contact has to be told after its upsert; None where it is as it should be."""
    if change.fields.status is not None:
        return None
    if found.status in ASLEEP:
        return change.fields.status_if_new
    is_wrong = not change.desired.subscribed and found.status in GETS_MAIL
    return "unsubscribed" if is_wrong and not is_reader(change, found) else None


def is_reader(change: ContactChange, found: AudienceMember) -> bool:
    """Tell whether she read the newsletter before she was a member."""
    contact = change.contact
    if contact is not None and contact.is_reader is not None:
        return contact.is_reader
    opted_in = found.opted_in_at
    is_before = opted_in is not None and opted_in < change.joined_at - SAME_MOMENT
    return found.status in GETS_MAIL and is_before


def contact_left(
    change: ContactChange,
    found: AudienceMember,
    *,
    status: str | None = None,
    told: str | None = None,
) -> Contact:
    """Return the contact after all calls: as it was found, and the `status` it has after it was `told` one."""
    return Contact(
        subscriber_hash=change.key,
        status=_status_left(change, status or found.status, told=told or change.fields.status),
        tags=change.desired.tags,
        retired=(),
        applied_sha256=change.desired.sha256,
        is_reader=is_reader(change, found),
    )


def contact_refused(change: ContactChange, status: ContactStatus) -> Contact:
    """Return the contact that Mailchimp changes nothing of; one that is not there has no tags."""
    contact = change.contact
    is_there = contact is not None and contact.subscriber_hash == change.key
    is_gone = status is ContactStatus.FORGOTTEN
    return Contact(
        subscriber_hash=change.key,
        status=status,
        tags=contact.tags if contact and is_there and not is_gone else frozenset(),
        retired=(),
        applied_sha256=change.desired.sha256,
        is_reader=contact.is_reader if contact else None,
    )


def outcome_of(change: ContactChange, left: Contact) -> MemberOutcome:
    """Return what came of a member whose contact was left so."""
    if change.desired.subscribed and not left.receives_mail:
        return MemberOutcome.TERMINAL
    if not change.desired.subscribed and (change.contact is None or change.contact.receives_mail):
        return MemberOutcome.CANCEL
    return MemberOutcome.CREATE if change.contact is None else MemberOutcome.UPDATE


def _status_left(change: ContactChange, answered: str, *, told: str | None) -> ContactStatus:
    """Return how a contact stands. Unsubscribed, though not by us: she did it herself, and only she can undo it."""
    status = STATUSES.get(answered, ContactStatus.COMPLIANCE)
    if status is not ContactStatus.UNSUBSCRIBED or told == "unsubscribed":
        return status
    before = change.contact.status if change.contact else None
    is_ours = not change.desired.subscribed and before in (None, ContactStatus.UNSUBSCRIBED)
    return status if is_ours else ContactStatus.COMPLIANCE


def _status_to_set(desired: DesiredContact, contact: Contact | None) -> str | None:
    """Return the status to set, or None to leave it: a routine upsert never subscribes anybody anew."""
    if contact is None or contact.status in (ContactStatus.COMPLIANCE, ContactStatus.FORGOTTEN):
        return None
    if desired.subscribed:
        return "subscribed" if _was_unsubscribed_by_us(contact) else None
    is_to_end = contact.receives_mail and contact.is_reader is False
    return "unsubscribed" if is_to_end else None


def _was_unsubscribed_by_us(contact: Contact | None) -> bool:
    return contact is not None and contact.status is ContactStatus.UNSUBSCRIBED


def _joined_at(member: Member) -> datetime:
    """Return since when she has been a member, as far as we know."""
    began = [m.first_active_at for m in member.memberships if m.first_active_at]
    return min(began, default=member.created_at)
