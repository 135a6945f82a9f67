"""From how a contact should be, and how it was left, to what is to be called: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.clients.mailchimp import ContactFields, subscriber_hash
from include.store.contacts import Contact, ContactStatus
from include.store.run_members import Outcome

if TYPE_CHECKING:
    from uuid import UUID

    from include.jobs.membership import Wish

STATUSES = {
    "subscribed": ContactStatus.SUBSCRIBED,
    "pending": ContactStatus.PENDING,
    "unsubscribed": ContactStatus.UNSUBSCRIBED,
    "cleaned": ContactStatus.COMPLIANCE,
}
ASLEEP = ("archived", "transactional")
"""Statuses of contacts that are not in the audience's mailings and come in when told to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactChange:
    """What is to be called for one member."""

    member_id: UUID
    wish: Wish
    fields: ContactFields
    tags: dict[str, bool]
    contact: Contact | None  # as it was left
    move_from: str | None  # the hash of the address she had
    archive: tuple[str, ...]  # hashes that a merge of members left over

    @property
    def is_plain(self) -> bool:
        """Tell whether bulk calls can do it: nothing to move or to archive."""
        return self.move_from is None and not self.archive


def change_from(member_id: UUID, wish: Wish, contact: Contact | None) -> ContactChange:
    """Return the calls that make a contact as wished."""
    wanted_hash = subscriber_hash(wish.email)
    had = contact.tags if contact else frozenset()
    old_hash = contact.subscriber_hash if contact else wanted_hash
    return ContactChange(
        member_id=member_id,
        wish=wish,
        fields=ContactFields(
            email=wish.email,
            merge_fields=wish.merge_fields,
            status_if_new="subscribed" if wish.subscribed else "unsubscribed",
            status=_status_to_set(wish, contact),
        ),
        tags={tag: tag in wish.tags for tag in sorted(wish.tags ^ had)},
        contact=contact,
        move_from=old_hash if old_hash != wanted_hash else None,
        archive=tuple(h for h in (contact.retired if contact else ()) if h != wanted_hash),
    )


def status_left(change: ContactChange, answered: str) -> ContactStatus:
    """Return how a contact stands after an upsert that answered this status.

    Who should get mail and is unsubscribed, though not by us, did it herself: that is hers to undo.
    """
    status = STATUSES.get(answered, ContactStatus.COMPLIANCE)
    was_hers = change.contact is not None and change.contact.status is ContactStatus.COMPLIANCE
    if status is ContactStatus.UNSUBSCRIBED and (change.wish.subscribed or was_hers):
        return ContactStatus.COMPLIANCE
    return status


def contact_left(change: ContactChange, status: ContactStatus, *, refused: bool = False) -> Contact:
    """Return the contact after all calls; with `refused` it was left with the tags it had."""
    had = change.contact.tags if change.contact else frozenset()
    return Contact(
        subscriber_hash=subscriber_hash(change.wish.email),
        status=status,
        tags=had if refused else change.wish.tags,
        retired=(),
        applied_sha256=change.wish.sha256,
    )


def outcome_of(change: ContactChange, left: Contact) -> Outcome:
    """Return what came of a member whose contact was left so."""
    if change.wish.subscribed and not left.receives_mail:
        return Outcome.TERMINAL
    if not change.wish.subscribed and (change.contact is None or change.contact.receives_mail):
        return Outcome.CANCEL
    return Outcome.CREATE if change.contact is None else Outcome.UPDATE


def must_wake(change: ContactChange, answered: str) -> bool:
    """Tell whether an upsert left a contact asleep that should be told its status."""
    return answered in ASLEEP and change.fields.status is None


def _status_to_set(wish: Wish, contact: Contact | None) -> str | None:
    """Return the status to set, or None to leave it: a routine upsert never subscribes anybody anew."""
    status = contact.status if contact else None
    if status in (ContactStatus.COMPLIANCE, ContactStatus.FORGOTTEN):
        return None
    if wish.subscribed:
        return "subscribed" if status is ContactStatus.UNSUBSCRIBED else None
    return None if status is ContactStatus.UNSUBSCRIBED else "unsubscribed"
