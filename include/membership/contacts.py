"""A member's contact at Mailchimp, as we last left it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ContactStatus(StrEnum):
    """What a contact may receive, and who decided it."""

    SUBSCRIBED = "subscribed"
    PENDING = "pending"  # has been asked to confirm
    UNSUBSCRIBED = "unsubscribed"  # by us, as the membership ended: we may undo it
    COMPLIANCE = "compliance"  # by herself, or the address bounced: only she can undo it
    FORGOTTEN = "forgotten"  # deleted for good: only she can undo it


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A member's contact; `retired` are hashes of contacts that a merge of members left over.

    `is_reader` tells whether she read the newsletter before she was a member; None where nobody knows yet.
    """

    subscriber_hash: str
    status: ContactStatus
    tags: frozenset[str]
    retired: tuple[str, ...]
    applied_sha256: bytes
    is_reader: bool | None = None

    @property
    def receives_mail(self) -> bool:
        """Tell whether Mailchimp will send to it."""
        return self.status in (ContactStatus.SUBSCRIBED, ContactStatus.PENDING)
