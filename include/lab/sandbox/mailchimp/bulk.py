"""The two calls that take up to 500 members: batch subscribe and batch segment."""

from collections.abc import Sequence
from typing import Any

import orjson

from include.lab.sandbox.mailchimp import documents, errors
from include.lab.sandbox.mailchimp.contacts import AudienceContact
from include.lab.sandbox.mailchimp.state import MOST_IN_BULK, MailchimpState
from include.lab.sandbox.mailchimp.tags import Tag
from include.lab.sandbox.wire import Refusal


def subscribe(
    state: MailchimpState,
    body: dict[str, Any],
    *,
    skip_duplicates: bool,
    required: Sequence[str],
) -> dict[str, Any]:
    """Add or change members one by one; the failures of some are listed and stop nobody else.

    The members' own `tags` and `status_if_new` are not fields of this call and are ignored.
    """
    members = body.get("members")
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        raise errors.invalid_field("members", "Schema describes array of objects")
    refuse_too_many("members", members)
    result = _Result()
    seen: set[str] = set()
    for wish in members:
        email = str(wish.get("email_address") or "")
        if skip_duplicates and email.lower() in seen:
            continue
        seen.add(email.lower())
        found = state.contacts.find(email) if email else None
        if found is not None and not body.get("update_existing"):
            result.refuse_known(email)
            continue
        try:
            _subscribe_one(state, wish, email, found, result, required=required)
        except Refusal as refusal:
            result.refuse(email, refusal)
    return result.as_json(state)


class _Result:
    def __init__(self) -> None:
        self.new: list[AudienceContact] = []
        self.updated: list[AudienceContact] = []
        self.errors: list[dict[str, str]] = []

    def fail(self, email: str, error: str, code: str, field: str = "", message: str = "") -> None:
        self.errors.append(
            {
                "email_address": email,
                "error": error,
                "error_code": code,
                "field": field,
                "field_message": message,
            }
        )

    def refuse_known(self, email: str) -> None:
        error = (
            f"{email} is already a list member, do you want to update? "
            "please provide update_existing:true in the request body"
        )
        self.fail(email, error, "ERROR_CONTACT_EXISTS")

    def refuse(self, email: str, refusal: Refusal) -> None:
        document = orjson.loads(refusal.answer.body)
        fields = document.get("errors") or [{"field": "", "message": ""}]
        self.fail(
            email, document["detail"], "ERROR_GENERIC", fields[0]["field"], fields[0]["message"]
        )

    def as_json(self, state: MailchimpState) -> dict[str, Any]:
        def shown(contacts: list[AudienceContact]) -> list[dict[str, Any]]:
            return [documents.bulk_member(state.list_id, c, state.tags.of(c)) for c in contacts]

        return {
            "new_members": shown(self.new),
            "updated_members": shown(self.updated),
            "errors": self.errors,
            "total_created": len(self.new),
            "total_updated": len(self.updated),
            "error_count": len(self.errors),
        }


def _subscribe_one(  # noqa: PLR0913 - one member of a call, and what the call is about
    state: MailchimpState,
    wish: dict[str, Any],
    email: str,
    found: AudienceContact | None,
    result: _Result,
    *,
    required: Sequence[str],
) -> None:
    if found is not None:
        state.contacts.change(found, wish, state.now(), required=required)
        result.updated.append(found)
    elif not wish.get("status"):
        raise errors.invalid_field("status", "This value should not be blank.")
    else:
        result.new.append(state.create(email, wish["status"], wish, required=required))


def change_segment(state: MailchimpState, tag: Tag, body: dict[str, Any]) -> dict[str, Any]:
    """Give and take one tag for many members; unknown addresses are listed as errors."""
    to_add, to_remove = body.get("members_to_add") or [], body.get("members_to_remove") or []
    refuse_too_many("members_to_add", to_add)
    refuse_too_many("members_to_remove", to_remove)
    unknown: list[str] = []
    added = _known(state, to_add, unknown)
    removed = [c for c in _known(state, to_remove, unknown) if c.contact_id in tag.members]
    for contact in added:
        state.tags.give(tag, contact, state.now())
    for contact in removed:
        state.tags.take(tag, contact, state.now())
    failures = [
        {
            "email_addresses": unknown,
            "error": "Email addresses do not exist in the list",
        }
    ]
    return {
        "members_added": [documents.bulk_member(state.list_id, c, state.tags.of(c)) for c in added],
        "members_removed": [
            documents.bulk_member(state.list_id, c, state.tags.of(c)) for c in removed
        ],
        "errors": failures if unknown else [],
        "total_added": len(added),
        "total_removed": len(removed),
        "error_count": len(unknown),
    }


def _known(state: MailchimpState, emails: list[str], unknown: list[str]) -> list[AudienceContact]:
    found = []
    for email in emails:
        contact = state.contacts.find(email)
        if contact is None or contact.status == "archived":
            unknown.append(email)
        else:
            found.append(contact)
    return found


def refuse_too_many(field: str, items: list[Any]) -> None:
    """Refuse more than 500 at once."""
    if len(items) > MOST_IN_BULK:
        raise errors.invalid_field(field, f"This collection should contain {MOST_IN_BULK} or less.")
