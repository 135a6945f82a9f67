"""Mailchimp's JSON documents, made from the state."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from include.lab.sandbox.mailchimp.contacts import MERGE_FIELDS, AudienceContact
from include.lab.sandbox.mailchimp.tags import Tag


def member(list_id: str, contact: AudienceContact, tags: Sequence[Tag]) -> dict[str, Any]:
    """Return a member as GET, PUT and PATCH show it."""
    names = (contact.merge_fields.get("FNAME", ""), contact.merge_fields.get("LNAME", ""))
    return {
        "id": contact.id,
        "email_address": contact.email,
        "unique_email_id": contact.unique_email_id,
        "contact_id": contact.contact_id,
        "full_name": " ".join(str(name) for name in names if name),
        "web_id": contact.web_id,
        "email_type": contact.email_type,
        "status": contact.status,
        "consents_to_one_to_one_messaging": True,
        "merge_fields": contact.merge_fields,
        "interests": contact.interests,
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": contact.ip_signup,
        "ip_opt": contact.ip_opt,
        "timestamp_opt": contact.timestamp_opt,
        "member_rating": 2,
        "last_changed": contact.last_changed,
        "language": contact.language,
        "vip": contact.vip,
        "email_client": "",
        "location": {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "timezone": ""},
        "source": "API - Generic",
        "tags_count": len(tags),
        "tags": [{"id": tag.id, "name": tag.name} for tag in tags],
        "list_id": list_id,
    }


NOT_IN_BULK = ("contact_id", "full_name", "web_id", "consents_to_one_to_one_messaging", "source")


def bulk_member(list_id: str, contact: AudienceContact, tags: Sequence[Tag]) -> dict[str, Any]:
    """Return a member as the bulk call shows it: a little less."""
    document = member(list_id, contact, tags)
    return {name: value for name, value in document.items() if name not in NOT_IN_BULK}


def audience(list_id: str, statuses: Counter[str]) -> dict[str, Any]:
    """Return the list itself."""
    return {
        "id": list_id,
        "web_id": 1,
        "name": "Members",
        "contact": {
            "company": "Sandbox",
            "address1": "",
            "city": "",
            "state": "",
            "zip": "",
            "country": "US",
        },
        "permission_reminder": "You are a member.",
        "use_archive_bar": False,
        "campaign_defaults": {
            "from_name": "Sandbox",
            "from_email": "team@example.org",
            "subject": "",
            "language": "en",
        },
        "date_created": "2024-01-01T00:00:00+00:00",
        "email_type_option": False,
        "visibility": "prv",
        "double_optin": False,
        "has_welcome": False,
        "marketing_permissions": False,
        "stats": {
            "member_count": statuses["subscribed"],
            "total_contacts": statuses.total() - statuses["archived"],
            "unsubscribe_count": statuses["unsubscribed"],
            "cleaned_count": statuses["cleaned"],
            "merge_field_count": len(MERGE_FIELDS),
        },
    }


def segment(list_id: str, tag: Tag) -> dict[str, Any]:
    """Return a tag as the list sees it: a static segment."""
    return {
        "id": tag.id,
        "name": tag.name,
        "member_count": len(tag.members),
        "type": "static",
        "created_at": tag.created_at,
        "updated_at": tag.updated_at,
        "list_id": list_id,
    }


def merge_fields(list_id: str, required: Sequence[str]) -> dict[str, Any]:
    """Return the list's merge fields."""
    types = {"ADDRESS": "address", "PHONE": "phone", "BIRTHDAY": "birthday"}
    fields = [
        {
            "merge_id": number,
            "tag": tag,
            "name": tag.title(),
            "type": types.get(tag, "text"),
            "required": tag in required,
            "default_value": "",
            "public": False,
            "display_order": number,
            "list_id": list_id,
        }
        for number, tag in enumerate(MERGE_FIELDS, start=1)
    ]
    return {"merge_fields": fields, "list_id": list_id, "total_items": len(fields)}


def picked(document: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Return only these fields of a document; `a.b` picks inside of `a`, also in a list."""
    wanted: dict[str, list[str]] = {}
    for name in fields:
        head, _, rest = name.partition(".")
        wanted.setdefault(head, []).extend([rest] if rest else [])
    return {k: _inside(document[k], rest) for k, rest in wanted.items() if k in document}


def _inside(value: Any, fields: list[str]) -> Any:
    if not fields:
        return value
    if isinstance(value, list):
        return [_inside(item, fields) for item in value]
    return picked(value, fields) if isinstance(value, dict) else value
