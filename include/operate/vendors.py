"""How it stands with the vendors that are left alone: since when, who waits, the next try; paused, and that ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from include.errors import ActRefusedError
from include.failures.breakers import VENDORS, pause, probe_now, resume
from include.relay.health_issue import counted, wait
from include.store.audit import AuditEntry
from include.store.breakers import BreakerState
from include.store.metrics import open_breakers

if TYPE_CHECKING:
    from datetime import datetime

    from include.person import Person
    from include.store import Store
    from include.store.lookup import MemberName

PAUSE_HOURS = {
    "1": "1 hour",
    "4": "4 hours",
    "12": "12 hours",
}  # what has waited a day is a dead letter


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorStatus:
    """One of them; `can_be_tried`: a run may find out at once; `paused_by`: who has paused it, until the next try."""

    name: str
    is_up: bool = True
    since: datetime | None = None
    why: str | None
    waiting: str = "nobody waits"
    next_try_at: datetime | None = None
    can_be_tried: bool = False
    paused_by: str | None = None


def read_vendors(store: Store, *, now: datetime) -> list[VendorStatus]:
    """Return how it stands with each."""
    down = {one.vendor: one for one in open_breakers(store, now=now)}
    known = {one.vendor: one for one in store.breakers.all()}
    found = []
    for name in VENDORS:
        one, breaker = down.get(name), known.get(name)
        if one is None:
            said = breaker.reason if breaker and breaker.failing else None
            why = said and f"called as usual, though it has failed lately: {said}"
            vendor = VendorStatus(name=name, why=why)
        else:
            rows = wait(one.row_count, "event", counted(one.member_count, "member"))
            vendor = VendorStatus(
                name=name, is_up=False, since=one.opened_at, why=one.paused_why or one.reason,
                waiting=rows if one.row_count else "nobody waits yet", next_try_at=one.probe_at,
                can_be_tried=bool(one.row_count) and one.state == BreakerState.OPEN and not one.paused_by,
                paused_by=one.paused_by and one.paused_by.removeprefix("user:"),
            )  # fmt: skip
        found.append(vendor)
    return found


def who_waits(store: Store, *, now: datetime, sees_names: bool) -> dict[str, list[MemberName]]:
    """Return by vendor some of those who wait for it, by name; nobody, where names are not for who asks."""
    down = open_breakers(store, now=now) if sees_names else []
    return {one.vendor: list(store.lookup.names(one.some_members or ()).values()) for one in down}


def try_now(vendor: str, *, actor: str, store: Store, now: datetime) -> str:
    """Have the next run try a vendor that is left alone, with one of the events that wait for it."""
    _check(vendor)
    before = probe_now(vendor, store=store, now=now)
    if before is None or before.state is BreakerState.CLOSED:
        return f"{vendor.capitalize()} is called as usual: there is nothing to try."
    change = AuditEntry(target=f"breaker:{vendor}", actor=actor, action="console:try_now")
    with store.transaction():
        store.audit.add([change], now=now)
    return f"The next run tries {vendor.capitalize()} with one of the events that wait; look again in a moment."


def say_of(  # noqa: PLR0913 - who says what of which, by name
    vendor: str, what: str, *, hours: str, person: Person, store: Store, now: datetime
) -> str:
    """Pause a vendor for so many hours, or end that; return what holds then, in words."""
    _check(vendor)
    if what == "pause" and hours in PAUSE_HOURS:
        until = now + timedelta(hours=int(hours))
        pause(vendor, until=until, person=person, store=store, now=now)
        return f"Paused until {until:%-d %b %Y %H:%M} UTC: what needs {vendor.capitalize()} waits, and goes on then."
    if what == "resume":
        resume(vendor, person=person, store=store, now=now)
        return "The pause is ended: what waits goes on."
    raise ActRefusedError("there is no such act")


def _check(vendor: str) -> None:
    if vendor not in VENDORS:
        raise ActRefusedError(f"no vendor {vendor!r} is ever left alone")
