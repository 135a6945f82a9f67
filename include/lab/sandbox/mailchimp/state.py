"""One audience: its contacts, its tags, and who was sent into a journey or an automation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from include.lab.sandbox.mailchimp import documents, errors
from include.lab.sandbox.mailchimp.contacts import (
    AudienceContact,
    AudienceContacts,
    subscriber_hash,
)
from include.lab.sandbox.mailchimp.tags import Tags
from include.lab.sandbox.vendor import Surroundings
from include.lab.sandbox.wire import Refusal

MOST_IN_BULK = 500


class MailchimpState:
    """The audience and everything that was triggered for it."""

    def __init__(self, around: Surroundings) -> None:
        """Start with the default list, its merge fields and one journey."""
        self.around = around
        self.list_id = around.settings.mailchimp_list_id
        self.contacts = AudienceContacts()
        self.tags = Tags()
        self.triggers: list[dict[str, Any]] = []
        self.queue: list[dict[str, Any]] = []

    def now(self) -> str:
        """Return the present moment as Mailchimp writes it."""
        return self.around.clock.iso()

    def contact(self, key: str) -> AudienceContact:
        """Return the contact of a hash, address or contact id, or refuse with 404."""
        found = self.contacts.find(key)
        if found is None:
            raise errors.not_found()
        return found

    def require_list(self, list_id: str) -> None:
        """Refuse any list but the one there is."""
        if list_id != self.list_id:
            raise errors.not_found()

    def upsert(
        self, key: str, changes: dict[str, Any], *, required: Sequence[str] = ()
    ) -> AudienceContact:
        """PUT: change the contact of the path, or create that of the body (`status_if_new`)."""
        found = self.contacts.find(key)
        if found is not None:
            self.contacts.change(found, changes, self.now(), required=required)
            return found
        email = changes.get("email_address") or ""
        status = changes.get("status") or changes.get("status_if_new")
        if not status:
            raise errors.invalid_field("status_if_new", "This value should not be blank.")
        return self.create(email, status, changes, required=required)

    def create(
        self, email: str, status: str, changes: dict[str, Any], *, required: Sequence[str] = ()
    ) -> AudienceContact:
        """Create a contact with all fields of the body, or refuse and leave nothing behind."""
        contact = self.contacts.create(email, status, self.now())
        try:
            changes = {"merge_fields": {}, **changes, "status": status}
            self.contacts.change(contact, changes, self.now(), required=required)
        except Refusal:
            self.contacts.remove(contact)
            raise
        return contact

    def archive(self, key: str) -> None:
        """DELETE: the contact leaves the audience and keeps its data."""
        contact = self.contact(key)
        if contact.status == "archived":
            raise errors.cannot_be_removed()
        contact.status = "archived"
        contact.last_changed = self.now()

    def delete_permanently(self, key: str) -> None:
        """Forget a contact for good."""
        contact = self.contact(key)
        self.tags.strip(contact)
        self.contacts.forget(contact)

    def trigger_journey(self, journey_id: str, step_id: str, email: str) -> None:
        """Start a journey's step for a member; each call counts, repeated ones too."""
        settings = self.around.settings
        if (journey_id, step_id) != (str(settings.journey_id), str(settings.journey_step_id)):
            raise errors.not_found()
        self._require_subscribed(email)
        self.triggers.append(
            {
                "at": self.now(),
                "email_address": email,
                "journey_id": int(journey_id),
                "step_id": int(step_id),
            }
        )

    def queue_email(self, workflow_id: str, email_id: str, email: str) -> dict[str, Any]:
        """Put a subscriber into a classic automation's queue and return the entry."""
        self.require_workflow(workflow_id, email_id)
        self._require_subscribed(email)
        entry = {
            "id": subscriber_hash(email),
            "workflow_id": workflow_id,
            "email_id": email_id,
            "list_id": self.list_id,
            "list_is_active": True,
            "email_address": email,
            "next_send": self.now(),
        }
        self.queue.append(entry)
        return entry

    def require_workflow(self, workflow_id: str, email_id: str) -> None:
        """Refuse any automation but the one there is."""
        settings = self.around.settings
        if (workflow_id, email_id) != (settings.workflow_id, settings.workflow_email_id):
            raise errors.not_found()

    def _require_subscribed(self, email: str) -> None:
        contact = self.contacts.find(email)
        if contact is None:
            raise errors.not_found()
        if contact.status != "subscribed":
            raise errors.invalid_field("email_address", "This email is not subscribed to the list.")

    def stats(self) -> Counter[str]:
        """Count the contacts by status."""
        return Counter(contact.status for contact in self.contacts.by_hash.values())

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return members, tags, triggers and queue; of one address or id, or of all."""
        members = self.contacts.by_hash.values()
        if wanted is not None:
            found = self.contacts.find(wanted)
            members = [found] if found else []  # type: ignore[assignment]
        emails = {contact.email.lower() for contact in members}
        return {
            "list_id": self.list_id,
            "members": [documents.member(self.list_id, c, self.tags.of(c)) for c in members],
            "tags": {tag.name: len(tag.members) for tag in self.tags.by_id.values()},
            "triggers": [t for t in self.triggers if t["email_address"].lower() in emails],
            "queue": [q for q in self.queue if q["email_address"].lower() in emails],
        }
