"""Luma's JSON documents, made from the state."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

Json = dict[str, Any]
CALENDAR_ID = "cal-sandbox"
OWNER = {"id": "usr-sandbox", "email": "team@example.org", "name": "The team"}


@dataclass(slots=True, kw_only=True)
class CalendarEvent:
    """One event of the calendar; times in seconds since the epoch."""

    id: str
    name: str
    start_at: float
    created_at: float
    hours: int = 2
    platform: str = "luma"


@dataclass(slots=True, kw_only=True)
class CalendarGuest:
    """One guest of an event. `mails` has the status of each mail that a change sent her."""

    event_id: str
    email: str
    first_name: str
    last_name: str
    status: str
    registered_at: float
    id: str = field(default_factory=lambda: f"gst-{token_hex(8)}")
    user_id: str = field(default_factory=lambda: f"usr-{token_hex(8)}")
    amount: int = 0  # of the ticket, in cents
    ticket_id: str = field(default_factory=lambda: token_hex(8))
    mails: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.first_name} {self.last_name}".strip()


def instant(seconds: float) -> str:
    """Return a moment as Luma writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def event(one: CalendarEvent) -> Json:
    """Return an event as the current routes show it."""
    return {
        "platform": one.platform,
        "id": one.id,
        "calendar_id": CALENDAR_ID,
        "user_id": OWNER["id"],
        "name": one.name,
        "description": "",
        "start_at": instant(one.start_at),
        "end_at": instant(one.start_at + one.hours * 3600),
        "duration_interval": f"P0Y0M0DT{one.hours}H0M0S",
        "created_at": instant(one.created_at),
        "timezone": "America/New_York",
        "url": f"https://luma.com/{one.id}",
        "visibility": "public",
        "meeting_url": None,
        "waitlist_status": "disabled",
    }


def old_event(one: CalendarEvent) -> Json:
    """Return an event as the older routes show it: the ids twice."""
    aliases = {"api_id": one.id, "calendar_api_id": CALENDAR_ID, "user_api_id": OWNER["id"]}
    return {**event(one), **aliases}


def guest(one: CalendarGuest) -> Json:
    """Return a guest as the current routes show it."""
    return {
        "id": one.id,
        "user_id": one.user_id,
        "user_email": one.email,
        "user_name": one.name,
        "user_first_name": one.first_name,
        "user_last_name": one.last_name,
        "approval_status": one.status,
        "check_in_qr_code": f"https://luma.com/check-in/{one.event_id}?pk={one.id}",
        "eth_address": None,
        "solana_address": None,
        "invited_at": None,
        "joined_at": None,
        "registered_at": instant(one.registered_at),
        "phone_number": None,
        "registration_answers": [],
        "utm_source": None,
        "event_tickets": [_ticket(one)],
    }


def old_guest(one: CalendarGuest) -> Json:
    """Return a guest as the older `get-guest` shows it."""
    document = guest(one)
    del document["utm_source"]
    return {
        **document,
        "api_id": one.id,
        "user_api_id": one.user_id,
        "created_at": document["registered_at"],
        "custom_source": None,
        "checked_in_at": None,
        "event_ticket": _ticket(one),
        "event_ticket_orders": [],
    }


def _ticket(one: CalendarGuest) -> Json:
    return {
        "id": one.ticket_id,
        "api_id": one.ticket_id,
        "amount": one.amount,
        "amount_discount": 0,
        "amount_tax": 0,
        "currency": "usd" if one.amount else None,
        "event_ticket_type_id": "evtticktyp-sandbox",
        "name": "Standard",
        "checked_in_at": None,
        "is_captured": False,
    }
