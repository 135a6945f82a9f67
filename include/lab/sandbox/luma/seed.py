"""A calendar full of people who wait to be let in: members among strangers."""

import random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.lab.sandbox.luma.documents import CalendarEvent, CalendarGuest
from include.lab.sandbox.luma.state import LumaState

DAY_SECONDS = 86_400
NAMES = ("Ada", "Grace", "Katherine", "Radia", "Joan", "Frances", "Barbara", "Lynn")


class CalendarWish(BaseModel):
    """Whom to let register. `members` are addresses; each becomes a guest, strangers fill up.

    The first `plus` of the members register with a plus address, the next `upper` of them in upper
    case. Besides the coming events there may be a past one with guests who were never let in.
    """

    model_config = ConfigDict(extra="forbid")

    guests: int = Field(default=0, ge=0, le=10_000)
    members: list[str] = []
    plus: int = Field(default=0, ge=0)
    upper: int = Field(default=0, ge=0)
    events: int = Field(default=1, ge=1, le=20)
    amount: int = Field(default=0, ge=0)  # that each ticket costs, in cents
    begun_hours_ago: float | None = None  # the first event is under way
    guests_of_past_event: int = Field(default=0, ge=0, le=1000)
    seed: int = 1


def seed_calendar(state: LumaState, wish: CalendarWish) -> dict[str, Any]:
    """Make the events and their guests; the same seed gives the same order and events for each."""
    dice = random.Random(wish.seed)  # noqa: S311 - chance for tests, not for secrets
    events = [
        state.add_event(f"Meeting {number}", state.now() + number * DAY_SECONDS)
        for number in range(1, wish.events + 1)
    ]
    if wish.begun_hours_ago is not None:
        events[0].start_at = state.now() - wish.begun_hours_ago * 3600
    strangers = max(0, wish.guests - len(wish.members))
    people = [
        *((_spelled(wish, number), email) for number, email in enumerate(wish.members)),
        *((f"stranger{wish.seed}.{number}@example.net", None) for number in range(strangers)),
    ]
    dice.shuffle(people)
    guests = [
        _registered(state, dice.choice(events), dice.choice(NAMES), address, member)
        for address, member in people
    ]
    for one in guests:
        state.guest(one["event_id"], one["id"]).amount = wish.amount
    return {"events": [event.id for event in events], "guests": guests, **_past(state, wish)}


def _spelled(wish: CalendarWish, number: int) -> str:
    """Return a member's address as she writes it on the form."""
    email = wish.members[number]
    if number < wish.plus:
        local, _, domain = email.partition("@")
        return f"{local}+luma@{domain}"
    return email.upper() if number < wish.plus + wish.upper else email


def _registered(
    state: LumaState,
    event: CalendarEvent,
    first_name: str,
    address: str,
    member: str | None,
) -> dict[str, Any]:
    guest = state.register(event.id, address, f"{first_name} Guest")
    return {"id": guest.id, "event_id": event.id, "email": address, "member": member}


def _past(state: LumaState, wish: CalendarWish) -> dict[str, Any]:
    """Make the past event, if one is wanted."""
    if not wish.guests_of_past_event:
        return {"past_event": None, "past_guests": []}
    event = state.add_event("Meeting of last week", state.now() - 7 * DAY_SECONDS)
    guests: list[CalendarGuest] = [
        state.register(event.id, f"late{wish.seed}.{number}@example.net", "Late Guest")
        for number in range(wish.guests_of_past_event)
    ]
    return {"past_event": event.id, "past_guests": [guest.id for guest in guests]}
