"""Mailchimp's operations: HTTP in and out."""

from collections.abc import Sequence
from typing import Any

import orjson

from include.lab.sandbox.mailchimp import bulk, documents, errors
from include.lab.sandbox.mailchimp.contacts import AudienceContact
from include.lab.sandbox.mailchimp.state import MailchimpState
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import NO_CONTENT, Answer, Call, Routes, basic_of, json_answer

ROUTES = Routes()
MOST_PER_PAGE = 1000
LIST = "/lists/{list_id}"
MEMBER = LIST + "/members/{key}"
QUEUE = "/automations/{workflow_id}/emails/{email_id}/queue"


@ROUTES.on("GET", "/ping")
def ping(_state: MailchimpState, _call: Call) -> Answer:
    """Say that all is well."""
    return json_answer({"health_status": "Everything's Chimpy!"})


@ROUTES.on("GET", "/lists")
def list_lists(state: MailchimpState, call: Call) -> Answer:
    """Return the one list there is."""
    lists = [documents.audience(state.list_id, state.stats())]
    return picked_answer(call, {"lists": lists, "total_items": 1})


@ROUTES.on("GET", LIST)
def get_list(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Return the list with its counts."""
    state.require_list(list_id)
    return picked_answer(call, documents.audience(list_id, state.stats()))


@ROUTES.on("POST", LIST)
def batch_subscribe(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Add or change up to 500 members."""
    state.require_list(list_id)
    skip = call.argument("skip_duplicate_check").lower() == "true"
    required = required_fields(state, call)
    answer = bulk.subscribe(state, body_of(call), skip_duplicates=skip, required=required)
    return json_answer(answer)


@ROUTES.on("GET", LIST + "/merge-fields")
def list_merge_fields(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Return the list's merge fields."""
    state.require_list(list_id)
    required = state.around.switches.mailchimp_required_fields
    return picked_answer(call, documents.merge_fields(list_id, required))


@ROUTES.on("GET", LIST + "/members")
def list_members(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Return a page of members; archived ones only when asked for."""
    state.require_list(list_id)
    status = call.argument("status")
    members = [
        contact
        for contact in state.contacts.by_hash.values()
        if (contact.status == status if status else contact.status != "archived")
        and contact.last_changed >= call.argument("since_last_changed")
    ]
    document = {
        "members": [member_document(state, contact) for contact in page(call, members)],
        "list_id": list_id,
        "total_items": len(members),
    }
    return picked_answer(call, document)


@ROUTES.on("POST", LIST + "/members")
def add_member(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Add a member; here, and only here, `tags` is a field."""
    state.require_list(list_id)
    body = body_of(call)
    email, status = str(body.get("email_address") or ""), body.get("status") or ""
    contact = state.create(email, status, body, required=required_fields(state, call))
    for name in body.get("tags") or []:
        state.tags.set(contact, name, "active", state.now())
    return json_answer(member_document(state, contact))


@ROUTES.on("GET", MEMBER)
def get_member(state: MailchimpState, call: Call, list_id: str, key: str) -> Answer:
    """Return a member, archived ones too."""
    state.require_list(list_id)
    return picked_answer(call, member_document(state, state.contact(key)))


@ROUTES.on("PUT", MEMBER)
def set_member(state: MailchimpState, call: Call, list_id: str, key: str) -> Answer:
    """Add or change a member; a `tags` field is ignored, as Mailchimp does."""
    state.require_list(list_id)
    contact = state.upsert(key, body_of(call), required=required_fields(state, call))
    return json_answer(member_document(state, contact))


@ROUTES.on("PATCH", MEMBER)
def update_member(state: MailchimpState, call: Call, list_id: str, key: str) -> Answer:
    """Change a member that exists."""
    state.require_list(list_id)
    contact = state.contact(key)
    required = required_fields(state, call)
    state.contacts.change(contact, body_of(call), state.now(), required=required)
    return json_answer(member_document(state, contact))


@ROUTES.on("DELETE", MEMBER)
def archive_member(state: MailchimpState, _call: Call, list_id: str, key: str) -> Answer:
    """Archive a member."""
    state.require_list(list_id)
    state.archive(key)
    return NO_CONTENT


@ROUTES.on("POST", MEMBER + "/actions/delete-permanent")
def delete_member(state: MailchimpState, _call: Call, list_id: str, key: str) -> Answer:
    """Delete a member for good."""
    state.require_list(list_id)
    state.delete_permanently(key)
    return NO_CONTENT


@ROUTES.on("GET", MEMBER + "/tags")
def get_member_tags(state: MailchimpState, call: Call, list_id: str, key: str) -> Answer:
    """Return the tags of a member."""
    state.require_list(list_id)
    contact = state.contact(key)
    tags = [
        {"id": tag.id, "name": tag.name, "date_added": tag.members[contact.contact_id]}
        for tag in state.tags.of(contact)
    ]
    return picked_answer(call, {"tags": page(call, tags), "total_items": len(tags)})


@ROUTES.on("POST", MEMBER + "/tags")
def set_member_tags(state: MailchimpState, call: Call, list_id: str, key: str) -> Answer:
    """Make tags of a member active or inactive."""
    state.require_list(list_id)
    contact = state.contact(key)
    wishes = body_of(call).get("tags")
    if not isinstance(wishes, list):
        raise errors.invalid_field("tags", "Schema describes array, none found instead")
    for wish in wishes:
        if (
            not isinstance(wish, dict)
            or wish.get("status") not in ("active", "inactive")
            or not wish.get("name")
        ):
            raise errors.invalid_field("tags", "Each tag needs a name and a status")
    for wish in wishes:
        state.tags.set(contact, wish["name"], wish["status"], state.now())
    return NO_CONTENT


@ROUTES.on("GET", LIST + "/tag-search")
def search_tags(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Return the tags whose names begin with `name`."""
    state.require_list(list_id)
    start = call.argument("name").lower()
    tags = [
        {"id": tag.id, "name": tag.name}
        for tag in state.tags.by_id.values()
        if tag.name.lower().startswith(start)
    ]
    return json_answer({"tags": tags, "total_items": len(tags)})


@ROUTES.on("GET", LIST + "/segments")
def list_segments(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Return a page of the tags as static segments."""
    state.require_list(list_id)
    kinds = call.argument("type") in ("", "static")
    segments = [documents.segment(list_id, t) for t in state.tags.by_id.values() if kinds]
    document = {
        "segments": page(call, segments),
        "list_id": list_id,
        "total_items": len(segments),
    }
    return picked_answer(call, document)


@ROUTES.on("POST", LIST + "/segments")
def create_segment(state: MailchimpState, call: Call, list_id: str) -> Answer:
    """Create a tag, with the members named in `static_segment`."""
    state.require_list(list_id)
    body = body_of(call)
    members = body.get("static_segment") or []
    bulk.refuse_too_many("static_segment", members)
    tag = state.tags.create(str(body.get("name") or ""), state.now())
    bulk.change_segment(state, tag, {"members_to_add": members})
    return json_answer(documents.segment(list_id, tag))


@ROUTES.on("POST", LIST + "/segments/{segment_id:int}")
def batch_segment(state: MailchimpState, call: Call, list_id: str, segment_id: str) -> Answer:
    """Give and take a tag for up to 500 members each."""
    state.require_list(list_id)
    tag = state.tags.by_id.get(int(segment_id))
    if tag is None:
        raise errors.not_found()
    return json_answer(bulk.change_segment(state, tag, body_of(call)))


@ROUTES.on("POST", "/customer-journeys/journeys/{journey_id}/steps/{step_id}/actions/trigger")
def trigger_journey(state: MailchimpState, call: Call, journey_id: str, step_id: str) -> Answer:
    """Start a journey for a member."""
    state.trigger_journey(journey_id, step_id, address_in(call))
    return NO_CONTENT


@ROUTES.on("POST", QUEUE)
def queue_email(state: MailchimpState, call: Call, workflow_id: str, email_id: str) -> Answer:
    """Put a member into a classic automation's queue."""
    return json_answer(state.queue_email(workflow_id, email_id, address_in(call)))


@ROUTES.on("GET", QUEUE)
def list_queue(state: MailchimpState, _call: Call, workflow_id: str, email_id: str) -> Answer:
    """Return a classic automation's queue."""
    state.require_workflow(workflow_id, email_id)
    shown = [{k: v for k, v in q.items() if k != "list_is_active"} for q in state.queue]
    document = {"workflow_id": workflow_id, "email_id": email_id, "queue": shown}
    return json_answer({**document, "total_items": len(shown)})


def member_document(state: MailchimpState, contact: AudienceContact) -> dict[str, Any]:
    """Return a member with its tags."""
    return documents.member(state.list_id, contact, state.tags.of(contact))


def required_fields(state: MailchimpState, call: Call) -> list[str]:
    """Return the merge fields that a call must bring: none with `skip_merge_validation`."""
    if call.argument("skip_merge_validation").lower() == "true":
        return []
    return state.around.switches.mailchimp_required_fields


def body_of(call: Call) -> dict[str, Any]:
    """Return the JSON object of a request, or refuse."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.invalid_json() from None
    if not isinstance(body, dict):
        raise errors.invalid_json()
    return body


def address_in(call: Call) -> str:
    """Return the `email_address` of a request, or refuse."""
    address = body_of(call).get("email_address")
    if not isinstance(address, str) or not address:
        raise errors.invalid_field("email_address", "Schema describes string, null found instead")
    return address


def page(call: Call, items: Sequence[Any]) -> list[Any]:
    """Return the asked part of a list: `count` (10, at most 1,000) after `offset`."""
    offset, size = number_in(call, "offset", "0"), number_in(call, "count", "10")
    return list(items[offset : offset + min(size, MOST_PER_PAGE)])


def number_in(call: Call, name: str, default: str) -> int:
    """Return a whole number of the query, or refuse."""
    text = call.argument(name, default)
    if not text.isdecimal():
        raise errors.invalid_field(name, f"Schema describes integer, {text} found instead")
    return int(text)


def picked_answer(call: Call, document: dict[str, Any]) -> Answer:
    """Return a document without what `fields` or `exclude_fields` leave out."""
    query = call.query
    if fields := [f for value in query.get("fields", []) for f in value.split(",")]:
        return json_answer(documents.picked(document, fields))
    left_out = {f for value in query.get("exclude_fields", []) for f in value.split(",")}
    return json_answer({k: v for k, v in document.items() if k not in left_out})


def authorize(settings: SandboxSettings, call: Call) -> None:
    """Take the key from basic (any user name) or bearer authorization."""
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    key = basic_of(call)[1] if scheme.lower() == "basic" else credentials
    wanted = settings.mailchimp_api_key
    if not key or (wanted is not None and key != wanted.get_secret_value()):
        raise errors.api_key_invalid()


VENDOR = Vendor(
    name="mailchimp",
    base="/3.0",
    description=lambda _call, _switches: "mailchimp.openapi.json",
    routes=ROUTES,
    new_state=MailchimpState,
    authorize=authorize,
    no_such_route=lambda _call: errors.not_found().answer,
    most_at_once=10,
    too_many=errors.too_many_requests,
)
