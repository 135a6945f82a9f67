"""Luma's public API (docs.luma.com): coming events, who waits to be let in, and letting in.

Luma renamed its routes in 2026 and still serves the older ones, whose parameters, bodies and answers
differ too. `GENERATIONS` is the one table of both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import requests

from include.errors import (
    PayloadError,
    PermanentVendorError,
    SoldOutError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.events.reading import Node, node_from
from include.events.values import address_from
from include.vendors.http import KeyHeader, pause_in
from include.vendors.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.vendors.manifest import VendorAccess

T = TypeVar("T")

PAGE = 100  # Luma caps it as it likes
MAX_EVENT_LENGTH = timedelta(days=7)  # one that lasts longer is not looked for once it has begun
BLOCK_SECONDS = (
    60.0  # who makes too many calls is blocked for a minute (docs.luma.com, rate limits)
)
ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
TIMEOUT_SECONDS: Final = 6.0
"""The run has a minute: a last call that first connects and then waits must fit into what its budget leaves."""


SOLD_OUT: Final = re.compile(
    r"(?i)sold.?out|at capacity|is full|no (?:spots|tickets) (?:left|available)"
)
"""How a refusal reads for want of places. Luma's description names no code for it; tried on no real calendar."""


class GuestStatus(StrEnum):
    """Where a guest stands."""

    APPROVED = "approved"
    SESSION = "session"
    PENDING = "pending_approval"
    INVITED = "invited"
    DECLINED = "declined"
    WAITLIST = "waitlist"


@dataclass(frozen=True, kw_only=True, slots=True)
class Guest:
    """Somebody who registered for an event; `email` is what she registered with, if anything.

    `has_to_pay` tells of a ticket whose money is taken when she is let in.
    """

    id: str
    event_id: str
    email: str | None = field(repr=False)
    status: GuestStatus
    has_to_pay: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """The routes of one time, and how what they take and answer is spelled."""

    get_self: str
    list_events: str
    list_guests: str
    get_guest: str
    update_status: str
    event_key: str  # how an event is named in a query
    event_wrapper: str | None  # under which key an entry or answer has what it is about
    guest_wrapper: str | None
    decision: Callable[[str, str, str, bool], Mapping[str, object]]
    can_be_quiet: bool  # can a decision be made without a mail


def _decision(event_id: str, guest_id: str, status: str, send_email: bool) -> Mapping[str, object]:  # noqa: FBT001
    return {
        "event_id": event_id,
        "guest_id": guest_id,
        "status": status,
        "send_email": send_email,
    }


def _old_decision(event_id: str, guest_id: str, status: str, _: bool) -> Mapping[str, object]:  # noqa: FBT001
    guest = {"type": "api_id", "api_id": guest_id}
    return {"event_api_id": event_id, "guest": guest, "status": status}


GENERATIONS: Final[Mapping[str, Generation]] = {
    "current": Generation(
        get_self="/v1/users/get-self",
        list_events="/v1/calendars/events/list",
        list_guests="/v1/events/guests/list",
        get_guest="/v1/events/guests/get",
        update_status="/v1/events/guests/update-status",
        event_key="event_id",
        event_wrapper=None,
        guest_wrapper=None,
        decision=_decision,
        can_be_quiet=True,
    ),
    "old": Generation(
        get_self="/v1/user/get-self",
        list_events="/v1/calendar/list-events",
        list_guests="/v1/event/get-guests",
        get_guest="/v1/event/get-guest",
        update_status="/v1/event/update-guest-status",
        event_key="event_api_id",
        event_wrapper="event",
        guest_wrapper="guest",
        decision=_old_decision,
        can_be_quiet=False,
    ),
}


def connect(access: VendorAccess) -> Luma:
    """Return a client of the connection `luma`."""
    account = access.http("luma")
    account["timeout_seconds"] = min(account["timeout_seconds"], TIMEOUT_SECONDS)
    return Luma(**account, routes=access.settings.luma_routes)


class Luma:
    """One calendar, that of the key."""

    def __init__(
        self,
        session: requests.Session,
        *,
        api_key: str,
        base_url: str,
        timeout_seconds: float,
        routes: str = "current",
    ) -> None:
        """Call `base_url`, which is without the `/v1`, over a session of the http provider's hook."""
        self._session = session
        self._authorize = KeyHeader("x-luma-api-key", api_key)
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._routes = GENERATIONS[routes]

    def read_owner_name(self) -> str:
        """Return whose key it is."""
        answer = self._answered("GET", self._routes.get_self)
        try:
            return node_from(answer.content).text("name")
        except PayloadError:
            raise VendorUnavailableError("Luma's answer cannot be read") from None

    def list_events(self, *, after: datetime, cursor: str | None = None) -> Page[str]:
        """Return a page of the ids of events that end after a moment: those that are under way, too."""
        begin = (after - MAX_EVENT_LENGTH).isoformat()  # Luma can only be asked for when they begin
        query = {"after": begin, "sort_column": "start_at", "sort_direction": "asc"}
        wrapper = self._routes.event_wrapper
        page = self._page(self._routes.list_events, query, cursor, lambda e: _event(e, wrapper))
        ids = [event_id for event_id, ends_at in page.entries if ends_at is None or ends_at > after]
        return Page(entries=ids, unreadable=page.unreadable, next=page.next)

    def list_pending_guests(self, event_id: str, *, cursor: str | None = None) -> Page[Guest]:
        """Return a page of the guests of an event who wait to be let in.

        Whoever decides about one of them moves what the next cursor means: read all pages first.
        """
        query = {self._routes.event_key: event_id, "approval_status": str(GuestStatus.PENDING)}
        wrapper = self._routes.guest_wrapper
        return self._page(
            self._routes.list_guests, query, cursor, lambda entry: _guest(entry, event_id, wrapper)
        )

    def read_guest(self, event_id: str, guest_id: str) -> Guest:
        """Return the guest as she is now."""
        query = {self._routes.event_key: event_id, "id": guest_id}
        answer = self._answered("GET", self._routes.get_guest, params=query)
        try:
            return _guest(node_from(answer.content), event_id, self._routes.guest_wrapper)
        except PayloadError:
            raise VendorUnavailableError("Luma's answer cannot be read") from None

    def update_status(self, guest: Guest, status: GuestStatus, *, send_email: bool) -> None:
        """Decide about a guest. Each call may mail her, so a lost answer is a VendorUncertainError."""
        if not send_email and not self._routes.can_be_quiet:
            raise PermanentVendorError("Luma's older routes always mail: allow it, or use the new")
        body = self._routes.decision(guest.event_id, guest.id, str(status), send_email)
        self._answered("POST", self._routes.update_status, json=body)

    def _page(
        self,
        path: str,
        query: dict[str, str],
        cursor: str | None,
        read: Callable[[Node], T],
    ) -> Page[T]:
        more = {} if cursor is None else {"pagination_cursor": cursor}
        query = {**query, "pagination_limit": str(PAGE), **more}
        answer = self._answered("GET", path, params=query)
        try:
            page = node_from(answer.content)
            found = [_or_none(read, entry) for entry in page.nodes("entries")]
            follows = page.text("next_cursor") if page.flag("has_more") else None
        except PayloadError:
            raise VendorUnavailableError("Luma's answer cannot be read") from None
        entries = [entry for entry in found if entry is not None]
        return Page(entries=entries, unreadable=len(found) - len(entries), next=follows)

    def _answered(self, method: str, path: str, **options: Any) -> requests.Response:
        """Make a call; only a GET may be made again without a question."""
        is_read = method == "GET"
        try:
            answer = self._session.request(
                method,
                f"{self._base_url}{path}",
                auth=self._authorize,
                timeout=self._timeout_seconds,
                allow_redirects=False,
                **options,
            )
        except (requests.ConnectTimeout, requests.exceptions.InvalidURL):
            raise VendorUnavailableError("Luma does not answer") from None
        except requests.RequestException:
            if is_read:
                raise VendorUnavailableError("Luma does not answer") from None
            raise VendorUncertainError("Luma's answer was lost") from None
        if answer.status_code != HTTPStatus.OK:
            raise _error_from(answer, is_read=is_read)
        return answer


def _error_from(answer: requests.Response, *, is_read: bool) -> VendorError:
    """Return what an answer other than 200 means; its text may quote an address and is left out."""
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = pause_in(answer.headers)
        seconds = BLOCK_SECONDS if pause is None else pause
        return VendorBusyError("Luma: too many calls", retry_after_seconds=seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = VendorUnavailableError if is_read else VendorUncertainError
        return kind(f"Luma answers {status}")
    if status == HTTPStatus.NOT_FOUND or (is_read and status == HTTPStatus.FORBIDDEN):
        return VendorNotFoundError("Luma does not know it, or another calendar manages it")
    if status == HTTPStatus.UNAUTHORIZED:
        return PermanentVendorError("Luma refuses the key")
    if not is_read and SOLD_OUT.search(answer.text):
        return SoldOutError("Luma has no place left")
    return PermanentVendorError(f"Luma refuses the call: {status}")


def _or_none(read: Callable[[Node], T], entry: Node) -> T | None:
    """Return what an entry says, or None where it cannot be understood: the others still can."""
    try:
        return read(entry)
    except PayloadError:
        return None


def _event(entry: Node, wrapper: str | None) -> tuple[str, datetime | None]:
    """Return an event's id, and when it ends if Luma says so."""
    node = _unwrapped(entry, wrapper)
    try:
        ends_at = datetime.fromisoformat(node.optional_text("end_at") or "")
    except ValueError:
        return _id_of(node), None
    return _id_of(node), ends_at if ends_at.tzinfo else None


def _guest(entry: Node, event_id: str, wrapper: str | None) -> Guest:
    node = _unwrapped(entry, wrapper)
    try:
        status = GuestStatus(node.text("approval_status"))
    except ValueError:
        raise node.error("approval_status", "is none that we know") from None
    email = address_from(node.optional_text("user_email"))
    has_to_pay = any(map(_costs_money, [*node.nodes("event_tickets"), node.node("event_ticket")]))
    return Guest(
        id=_id_of(node), event_id=event_id, email=email, status=status, has_to_pay=has_to_pay
    )


def _costs_money(ticket: Node) -> bool:
    """Tell whether a ticket has a price that was not taken yet; a price that cannot be read is one."""
    return ticket.values.get("amount") not in (None, 0) and not ticket.flag("is_captured")


def _unwrapped(entry: Node, wrapper: str | None) -> Node:
    return entry if wrapper is None else entry.node(wrapper)


def _id_of(node: Node) -> str:
    """Return an id that can be written down anywhere: one with an address in it is none."""
    found = node.optional_text("id") or node.optional_text("api_id") or ""
    if not ID.fullmatch(found):
        raise node.error("id", "is none")
    return found
