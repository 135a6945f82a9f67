"""Luma's operations: HTTP in and out; each of the two generations of routes has its own shapes."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from include.lab.sandbox.luma import documents, errors
from include.lab.sandbox.luma.documents import CalendarEvent, CalendarGuest
from include.lab.sandbox.luma.seed import CalendarWish, seed_calendar
from include.lab.sandbox.luma.state import SETTABLE, STATUSES, LumaState
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

ROUTES = Routes()
MOST_PER_PAGE = 50
LONGEST_MESSAGE = 200
SORTS: dict[str, Callable[[CalendarGuest], Any]] = {
    "name": lambda guest: guest.name,
    "email": lambda guest: guest.email,
    "created_at": lambda guest: guest.registered_at,
    "registered_at": lambda guest: guest.registered_at,
}


@ROUTES.on("GET", "/v1/users/get-self")
def get_self(_state: LumaState, _call: Call) -> Answer:
    """Return whose key it is."""
    return json_answer(documents.OWNER)


ROUTES.on("GET", "/v1/user/get-self")(get_self)


@ROUTES.on("GET", "/v1/calendars/events/list")
def list_events(state: LumaState, call: Call) -> Answer:
    """Return a page of the calendar's events."""
    entries = [documents.event(event) for event in events_of(state, call)]
    return paged(call, entries)


@ROUTES.on("GET", "/v1/calendar/list-events")
def list_events_old(state: LumaState, call: Call) -> Answer:
    """Return a page of events, each wrapped."""
    entries = [
        {"api_id": event.id, "event": documents.old_event(event), "tags": []}
        for event in events_of(state, call)
    ]
    return paged(call, entries)


@ROUTES.on("GET", "/v1/events/get")
def get_event(state: LumaState, call: Call) -> Answer:
    """Return an event."""
    return json_answer(documents.event(state.event(call.argument("event_id"))))


@ROUTES.on("GET", "/v1/event/get")
def get_event_old(state: LumaState, call: Call) -> Answer:
    """Return an event and its hosts."""
    event = state.event(old_event_id(call))
    return json_answer({"event": documents.old_event(event), "hosts": []})


@ROUTES.on("GET", "/v1/events/guests/list")
def list_guests(state: LumaState, call: Call) -> Answer:
    """Return a page of an event's guests."""
    guests = guests_of(state, call, call.argument("event_id"))
    return paged(call, [documents.guest(guest) for guest in guests])


@ROUTES.on("GET", "/v1/event/get-guests")
def list_guests_old(state: LumaState, call: Call) -> Answer:
    """Return a page of guests, each wrapped."""
    guests = guests_of(state, call, old_event_id(call))
    return paged(call, [{"api_id": one.id, "guest": documents.guest(one)} for one in guests])


@ROUTES.on("GET", "/v1/events/guests/get")
def get_guest(state: LumaState, call: Call) -> Answer:
    """Return a guest by any of her keys."""
    guest = state.guest(call.argument("event_id"), call.argument("id"))
    return json_answer(documents.guest(guest))


@ROUTES.on("GET", "/v1/event/get-guest")
def get_guest_old(state: LumaState, call: Call) -> Answer:
    """Return a guest, wrapped."""
    key = call.argument("id") or call.argument("api_id") or call.argument("email")
    return json_answer({"guest": documents.old_guest(state.guest(old_event_id(call), key))})


@ROUTES.on("POST", "/v1/events/guests/update-status")
def update_status(state: LumaState, call: Call) -> Answer:
    """Set a guest's status, and mail her unless told not to."""
    body = body_of(call)
    send_email = body.get("send_email") is not False
    refuse_unless(body.get("status") in SETTABLE, "status")
    refuse_message(body.get("message"), send_email=send_email)
    guest = state.guest(text_in(body, "event_id"), text_in(body, "guest_id"))
    state.set_status(guest, body["status"], send_email=send_email)
    return json_answer({})


@ROUTES.on("POST", "/v1/event/update-guest-status")
def update_status_old(state: LumaState, call: Call) -> Answer:
    """Approve or decline a guest; this route always mails her."""
    body = body_of(call)
    refuse_unless(body.get("status") in ("approved", "declined"), "status")
    named = body.get("guest")
    refuse_unless(isinstance(named, dict) and named.get("type") in ("email", "api_id"), "guest")
    guest = state.guest(text_in(body, "event_api_id"), text_in(named, named["type"]))  # type: ignore[index,arg-type]
    state.set_status(guest, body["status"], send_email=True)
    return json_answer({})


@ROUTES.on("POST", "/v1/events/guests/add")
def add_guests(state: LumaState, call: Call) -> Answer:
    """Add guests, approved unless said otherwise."""
    body = body_of(call)
    event = state.event(text_in(body, "event_id"))
    status = body.get("approval_status") or "approved"
    refuse_unless(status in ("approved", "pending_approval", "waitlist"), "approval_status")
    guests = body.get("guests")
    refuse_unless(isinstance(guests, list), "guests")
    for wish in guests or []:
        guest = state.register(event.id, text_in(wish, "email"), wish.get("name") or "")
        state.set_status(guest, status, send_email=body.get("send_email") is not False)
    return json_answer({})


def events_of(state: LumaState, call: Call) -> list[CalendarEvent]:
    """Return the events that a call asks for, in its order."""
    before, after = moment_in(call, "before"), moment_in(call, "after")
    platforms = [p for value in call.query.get("platforms", []) for p in value.split(",")]
    events = [
        event
        for event in state.events.values()
        if (before is None or event.start_at < before)
        and (after is None or event.start_at > after)
        and (not platforms or event.platform in platforms)
    ]
    backwards = call.argument("sort_direction").startswith("desc")
    return sorted(events, key=lambda event: event.start_at, reverse=backwards)


def guests_of(state: LumaState, call: Call, event_id: str) -> list[CalendarGuest]:
    """Return the guests that a call asks for, in its order."""
    state.event(event_id)
    status, column = call.argument("approval_status"), call.argument("sort_column", "created_at")
    refuse_unless(status in ("", *STATUSES), "approval_status")
    refuse_unless(column in SORTS, "sort_column")
    guests = [g for g in state.guests[event_id].values() if status in ("", g.status)]
    backwards = call.argument("sort_direction").startswith("desc")
    return sorted(guests, key=SORTS[column], reverse=backwards)


def paged(call: Call, entries: Sequence[documents.Json]) -> Answer:
    """Return one page. The cursor is a place in the list: a list that shrinks moves under it."""
    limit = call.argument("pagination_limit", str(MOST_PER_PAGE))
    refuse_unless(limit.isdecimal() and int(limit) > 0, "pagination_limit")
    begin = place_of(call.argument("pagination_cursor"))
    end = begin + min(int(limit), MOST_PER_PAGE)
    page: documents.Json = {"entries": entries[begin:end], "has_more": end < len(entries)}
    if page["has_more"]:
        page["next_cursor"] = base64.urlsafe_b64encode(b"at:%d" % end).decode()
    return json_answer(page)


def place_of(cursor: str) -> int:
    """Return the place that a cursor means; none is the start."""
    if not cursor:
        return 0
    try:
        word, _, place = base64.urlsafe_b64decode(cursor).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        word, place = "", ""
    refuse_unless(word == "at" and place.isdecimal(), "pagination_cursor")
    return int(place)


def moment_in(call: Call, name: str) -> float | None:
    """Return a moment of the query in seconds since the epoch, or None where none is given."""
    text = call.argument(name)
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        raise errors.invalid(name) from None


def old_event_id(call: Call) -> str:
    """Return the event an older route is asked about, under either name."""
    return call.argument("event_id") or call.argument("event_api_id")


def text_in(body: dict[str, Any], name: str) -> str:
    """Return a text of a body, or refuse."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise errors.invalid(name)
    return value


def refuse_message(message: object, *, send_email: bool) -> None:
    """Refuse a message that is too long, or that no mail would carry."""
    if message is not None:
        fits = isinstance(message, str) and len(message) <= LONGEST_MESSAGE
        refuse_unless(fits and send_email, "message")


def refuse_unless(is_right: object, what: str) -> None:
    """Refuse a call for one of its values."""
    if not is_right:
        raise errors.invalid(what)


def body_of(call: Call) -> dict[str, Any]:
    """Return the JSON object of a request, or refuse."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.invalid("body") from None
    if not isinstance(body, dict):
        raise errors.invalid("body")
    return body


def authorize(settings: SandboxSettings, call: Call) -> None:
    """Take the key from its header."""
    key, wanted = call.headers.get("x-luma-api-key", ""), settings.luma_api_key
    if not key or (wanted is not None and key != wanted.get_secret_value()):
        raise errors.unauthenticated()


def limited(state: LumaState, _call: Call, answer: Callable[[], Answer]) -> Answer:
    """Let a call through, or refuse it for the calls of the last minute."""
    per_minute = state.around.switches.luma_calls_per_minute
    refusal = state.limit.refusal(state.now(), per_minute=per_minute)
    return answer() if refusal is None else errors.too_many(refusal)


VENDOR = Vendor(
    name="luma",
    base="",
    description=lambda _call, _switches: "luma.openapi.json",
    routes=ROUTES,
    new_state=LumaState,
    authorize=authorize,
    no_such_route=lambda _call: errors.not_found().answer,
    around=limited,
    seed=(CalendarWish, seed_calendar),
)
