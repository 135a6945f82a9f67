"""One calendar: its events, their guests, and the mails that decisions sent."""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from include.lab.sandbox.luma import documents, errors
from include.lab.sandbox.luma.documents import CalendarEvent, CalendarGuest
from include.lab.sandbox.luma.limit import RateLimit
from include.lab.sandbox.vendor import Surroundings

STATUSES = ("approved", "session", "pending_approval", "invited", "declined", "waitlist")
SETTABLE = ("approved", "declined", "pending_approval", "waitlist")


class LumaState:
    """Everything that belongs to the calendar's key."""

    def __init__(self, around: Surroundings) -> None:
        """Start with an empty calendar."""
        self.around = around
        self.limit = RateLimit()
        self.events: dict[str, CalendarEvent] = {}
        self.guests: dict[str, dict[str, CalendarGuest]] = {}
        """By event, then by guest id, in the order of their registration."""

    def now(self) -> float:
        """Return the present moment in seconds since the epoch."""
        return self.around.clock.now()

    def add_event(self, name: str, start_at: float, *, platform: str = "luma") -> CalendarEvent:
        """Put an event into the calendar; an `external` one is only linked there."""
        event = CalendarEvent(
            id=f"evt-{token_hex(8)}",
            name=name,
            start_at=start_at,
            created_at=self.now(),
            platform=platform,
        )
        self.events[event.id] = event
        self.guests[event.id] = {}
        return event

    def event(self, event_id: str) -> CalendarEvent:
        """Return an event, or refuse; an external one's guests are not ours to see either."""
        event = self.events.get(event_id)
        if event is None or event.platform != "luma":
            raise errors.no_access()
        return event

    def register(
        self, event_id: str, email: str, name: str, *, status: str = "pending_approval"
    ) -> CalendarGuest:
        """Let somebody register; who is registered already stays as she is."""
        self.event(event_id)
        known = self._find(event_id, email)
        if known is not None:
            return known
        first, _, last = name.partition(" ")
        guest = CalendarGuest(
            event_id=event_id,
            email=email,
            first_name=first,
            last_name=last,
            status=status,
            registered_at=self.now(),
        )
        self.guests[event_id][guest.id] = guest
        return guest

    def guest(self, event_id: str, key: str) -> CalendarGuest:
        """Return the guest of an id, a ticket's id or an address, or refuse."""
        self.event(event_id)
        found = self._find(event_id, key)
        if found is None:
            raise errors.guest_not_found()
        return found

    def set_status(self, guest: CalendarGuest, status: str, *, send_email: bool) -> None:
        """Set a status. Each call that may mail does so, also where the status was the same."""
        guest.status = status
        if send_email:
            guest.mails.append(status)

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return events and guests with their mails; or the guests of one event, id or address."""
        guests = [guest for of_event in self.guests.values() for guest in of_event.values()]
        chosen = [
            {**documents.guest(guest), "event_id": guest.event_id, "mails": list(guest.mails)}
            for guest in guests
            if wanted is None or wanted in (guest.event_id, guest.id, guest.email)
        ]
        events = [documents.event(event) for event in self.events.values()]
        return {"events": events, "guests": chosen}

    def _find(self, event_id: str, key: str) -> CalendarGuest | None:
        of_event = self.guests[event_id]
        if key in of_event:
            return of_event[key]
        address = key.lower()
        found = (g for g in of_event.values() if key == g.ticket_id or address == g.email.lower())
        return next(found, None)
