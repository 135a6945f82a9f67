"""The audience's contacts: who may be subscribed, and what changes when.

A contact that unsubscribed by itself, bounced or is under review cannot be subscribed by the API;
an archived one comes back with a `status`; one that was deleted for good never does. An unsubscribe
that came by the API is not the person's own and can be undone by the API. Only a subscribed contact can be
given another address, and none that is a contact already, archived or not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5
from secrets import token_hex
from typing import Any, Literal

from include.lab.sandbox.mailchimp import errors

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
NOT_THE_APIS = ("unsubscribed_by_person", "cleaned", "under_review")
LONGEST_MERGE_FIELD = 255
MERGE_FIELDS = ("FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY", "TIER", "JOINED")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
FAKE = re.compile(r"\.invalid$")

Quirk = Literal[
    "unsubscribed_by_person",
    "cleaned",
    "under_review",
    "forgotten",
    "too_many_lists",
    "pending",
    "none",
]
QUIRK_STATUSES = {"none": "subscribed", "cleaned": "cleaned", "pending": "pending"}


@dataclass(slots=True, kw_only=True)
class AudienceContact:
    """One contact of the audience; `contact_id` stays when the address changes."""

    email: str
    status: str
    last_changed: str
    timestamp_opt: str
    web_id: int
    merge_fields: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(MERGE_FIELDS, ""))
    interests: dict[str, bool] = field(default_factory=dict)
    language: str = ""
    vip: bool = False
    email_type: str = "html"
    ip_signup: str = ""
    ip_opt: str = ""
    contact_id: str = field(default_factory=lambda: token_hex(16))
    unique_email_id: str = field(default_factory=lambda: token_hex(5))
    quirk: str = "none"

    @property
    def id(self) -> str:
        """The subscriber hash of the present address."""
        return subscriber_hash(self.email)


def subscriber_hash(email: str) -> str:
    """MD5 of the lower-cased address: Mailchimp's id of a member."""
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


class AudienceContacts:
    """The contacts by subscriber hash."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.by_hash: dict[str, AudienceContact] = {}
        self._by_contact_id: dict[str, AudienceContact] = {}
        self._forgotten: set[str] = set()
        self._signed_up_too_often: set[str] = set()
        self._web_id = 100_000

    def find(self, key: str) -> AudienceContact | None:
        """Return the contact of a hash, an address or a contact id."""
        return (
            self.by_hash.get(key)
            or self.by_hash.get(subscriber_hash(key))
            or self._by_contact_id.get(key)
        )

    def add(self, email: str, status: str, now: str) -> AudienceContact:
        """Add a contact without asking any rule."""
        self._web_id += 1
        contact = AudienceContact(
            email=email, status=status, last_changed=now, timestamp_opt=now, web_id=self._web_id
        )
        self.by_hash[contact.id] = contact
        self._by_contact_id[contact.contact_id] = contact
        return contact

    def remove(self, contact: AudienceContact) -> None:
        """Take a contact away without asking any rule."""
        del self.by_hash[contact.id]
        del self._by_contact_id[contact.contact_id]

    def create(self, email: str, status: str, now: str) -> AudienceContact:
        """Add a contact, or refuse as Mailchimp does."""
        refuse_address(email)
        if subscriber_hash(email) in self.by_hash:
            raise errors.member_exists(email)
        if subscriber_hash(email) in self._forgotten:
            raise errors.forgotten(email)
        if subscriber_hash(email) in self._signed_up_too_often:
            raise errors.too_many_lists(email)
        return self.add(email, status, now)

    def change(
        self,
        contact: AudienceContact,
        changes: dict[str, Any],
        now: str,
        *,
        required: Iterable[str] = (),
    ) -> None:
        """Apply the fields of a PUT or PATCH; all of them, or none and a refusal.

        `required` are the merge fields that must not be empty, where the call does not say otherwise.
        """
        status = changes.get("status", contact.status)
        if status not in STATUSES and status != contact.status:
            raise errors.invalid_field("status", f"Schema describes enum, {status} found instead")
        if status in ("subscribed", "pending") and contact.quirk in NOT_THE_APIS:
            self._refuse_return(contact, status)
        merge_fields = checked_merge_fields(changes.get("merge_fields") or {})
        merge_fields = {**contact.merge_fields, **merge_fields}
        if "merge_fields" in changes:
            refuse_missing(merge_fields, required)
        email = changes.get("email_address") or contact.email
        refuse_address(email)
        self._move(contact, email)
        contact.merge_fields = merge_fields
        contact.status = status
        for name in ("interests", "language", "vip", "email_type", "ip_signup", "ip_opt"):
            if name in changes:
                setattr(contact, name, changes[name])
        contact.last_changed = now

    def _refuse_return(self, contact: AudienceContact, status: str) -> None:
        """Only `pending`, which mails the person, leads back from a compliance state."""
        if status == "subscribed" and contact.status != "subscribed":
            raise errors.compliance_state(contact.email)

    def _move(self, contact: AudienceContact, email: str) -> None:
        """Give a contact another address: it gets another hash and keeps everything else."""
        if email.lower() != contact.email.lower():
            other = self.by_hash.get(subscriber_hash(email))
            if other is not None:
                raise errors.address_taken(email, other.status)
            if subscriber_hash(email) in self._forgotten:
                raise errors.forgotten(email)
            if contact.status != "subscribed":
                raise errors.not_to_be_renamed(contact.status)
            del self.by_hash[contact.id]
            self.by_hash[subscriber_hash(email)] = contact
        contact.email = email

    def forget(self, contact: AudienceContact) -> None:
        """Delete for good: the address can never be imported again."""
        self._forgotten.add(contact.id)
        self.remove(contact)

    def put_into(self, email: str, quirk: Quirk, now: str) -> None:
        """Bring an address into a state that only the person or Mailchimp itself can cause."""
        key = subscriber_hash(email)
        self._forgotten.discard(key)
        self._signed_up_too_often.discard(key)
        if quirk == "too_many_lists":
            self._signed_up_too_often.add(key)
            return
        contact = self.by_hash.get(key) or self.add(email, "subscribed", now)
        if quirk == "forgotten":
            self.forget(contact)
            return
        contact.quirk = quirk
        contact.status = QUIRK_STATUSES.get(quirk, "unsubscribed")
        contact.last_changed = now


def refuse_address(email: object) -> None:
    """Refuse what is no address; the domain `.invalid` stands for those that look fake."""
    if not isinstance(email, str) or not ADDRESS.fullmatch(email):
        raise errors.invalid_field("email_address", "Please provide a valid email address.")
    if FAKE.search(email):
        raise errors.fake_address(email)


def refuse_missing(merge_fields: dict[str, Any], required: Iterable[str]) -> None:
    """Refuse a contact without a value that the audience requires."""
    for name in required:
        if not merge_fields.get(name):
            raise errors.invalid_merge_field(name, "Please enter a value")


def checked_merge_fields(values: Any) -> dict[str, Any]:
    """Return the values of known merge fields; unknown ones are dropped, as Mailchimp does."""
    if not isinstance(values, dict):
        raise errors.invalid_field("merge_fields", "Schema describes object, other found instead")
    for name, value in values.items():
        if name in MERGE_FIELDS and len(str(value)) > LONGEST_MERGE_FIELD:
            raise errors.invalid_merge_field(
                name, f"Please enter a value of {LONGEST_MERGE_FIELD} characters or less"
            )
    return {name: value for name, value in values.items() if name in MERGE_FIELDS}
