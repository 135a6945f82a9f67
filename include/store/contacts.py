"""Members' contacts at Mailchimp, as we last left them: what equals the desired one needs no call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.membership.contacts import Contact, ContactStatus
from include.store.sql import Table, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID


class Contacts(Table, file="contacts"):
    """The table `ops.contacts`."""

    def save(self, contacts: dict[UUID, Contact], *, now: datetime) -> None:
        """Write down how these members' contacts were left. A contact is one member's: the one who has it now."""
        self._sql.save_contacts(
            [
                values_of(
                    contact,
                    member_id=member_id,
                    tags=sorted(contact.tags),
                    retired=list(contact.retired),
                    now=now,
                )
                for member_id, contact in contacts.items()
            ]
        )
        self._sql.take_contacts(
            member_ids=list(contacts),
            hashes=[contact.subscriber_hash for contact in contacts.values()],
        )

    def of_hashes(self, hashes: Collection[str]) -> dict[str, dict[UUID, Contact]]:
        """Return the records of these contacts, by hash, with the members who have them."""
        found: dict[str, dict[UUID, Contact]] = {}
        for row in self._sql.read_contacts(hashes=list(hashes)):
            member_id, contact = row.pop("member_id"), contact_from(row)
            found.setdefault(contact.subscriber_hash, {})[member_id] = contact
        return found

    def note_pending(self, member_ids: Collection[UUID]) -> None:
        """Write down that these contacts get no mail yet, though we took them for subscribed."""
        self._sql.note_pending(member_ids=list(member_ids))

    def delete(self, member_ids: Collection[UUID]) -> None:
        """Drop the contacts of members that were merged into others."""
        self._sql.forget_contacts(member_ids=list(member_ids))


def contact_from(row: Mapping[str, Any]) -> Contact:
    """Return a contact as its row has it."""
    return record_from(Contact, row, status=ContactStatus, tags=frozenset, retired=tuple)
