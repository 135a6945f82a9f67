"""The alert rules as people see them: where each stands, and what somebody has said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from include.alerts.pauses import Pause, PauseKind, acknowledged
from include.alerts.rules import load
from include.alerts.states import AlertState, Phase
from include.alerts.texts import numbers_text
from include.errors import ActRefusedError
from include.store.audit import AuditEntry
from include.store.metrics import outages

if TYPE_CHECKING:
    from datetime import datetime

    from include.person import Person
    from include.store import Store

QUIET_HOURS = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A rule, where it stands, and what holds of it that somebody has said."""

    name: str
    condition: str
    severity: str
    phase: str
    since: datetime | None
    numbers: str
    pause: Pause | None

    @property
    def fires(self) -> bool:
        """Tell whether it fires now."""
        return self.phase == Phase.FIRING


def read_alerts(store: Store, *, now: datetime) -> list[Alert]:
    """Return all rules, what fires first."""
    states, pauses, down = store.alerts.states(), store.alerts.pauses(), outages(store, now=now)
    found = []
    for rule in load():
        state = states.get(rule.name, AlertState(rule=rule.name))
        pause = pauses.get(rule.name)
        found.append(
            Alert(
                name=rule.name,
                condition=rule.condition,
                severity=rule.severity,
                phase=state.phase.value,
                since=state.fired_at if state.phase is Phase.FIRING else None,
                numbers=numbers_text(state.reading.numbers),
                pause=pause if pause and pause.holds(state, now, down) else None,
            )
        )
    return sorted(found, key=lambda one: (not one.fires, one.name))


def vendors_down(store: Store, *, now: datetime) -> list[str]:
    """Return the vendors that an alert may follow from now."""
    return list(outages(store, now=now))


def say_of(  # noqa: PLR0913 - who says what of which, by name
    rule: str,
    what: str,
    *,
    hours: str = "",
    vendor: str = "",
    person: Person,
    store: Store,
    now: datetime,
) -> str:
    """Acknowledge an alert, silence it for so many hours, inhibit it while a vendor is down, or take that back.

    Returns what holds then, in words.
    """
    if rule not in {one.name for one in load()}:
        raise ActRefusedError(f"there is no rule {rule!r}")
    with store.transaction():
        if what == "end":
            said = _end(rule, store)
        else:
            make = partial(Pause, rule=rule, actor=person.actor, why=person.why, made_at=now)
            pause, said = _wanted(what, hours, vendor, make, store)
            store.alerts.pause(pause)
        details = {"silence": {"hours": hours}, "inhibit": {"vendor": vendor}}.get(what, {})
        change = AuditEntry(
            target=f"alert:{rule}",
            actor=person.actor,
            action=f"alert:{what}",
            metadata={"why": person.why, **details},
        )
        store.audit.add([change], now=now)
    return said


def _end(rule: str, store: Store) -> str:
    if not store.alerts.end_pause(rule):
        raise ActRefusedError("nothing is said of it any more")
    return "Taken back: it is told as ever."


def _wanted(
    what: str, hours: str, vendor: str, make: partial[Pause], store: Store
) -> tuple[Pause, str]:
    """Return the quiet that somebody wants, and what it means in words."""
    rule, now = make.keywords["rule"], make.keywords["made_at"]
    match what:
        case "acknowledge":
            state = store.alerts.states().get(rule, AlertState(rule=rule))
            details = make.keywords
            pause = acknowledged(state, actor=details["actor"], why=details["why"], at=now)
            if pause is None:
                raise ActRefusedError("it does not fire any more")
            said = "Acknowledged: this time it is not told again; its end is, and the next time."
            return pause, said
        case "silence" if hours in QUIET_HOURS:
            until = now + timedelta(hours=int(hours))
            said = f"Silenced until {until:%-d %b %Y %H:%M} UTC; what fires then is told."
            return make(kind=PauseKind.SILENCED, until=until), said
        case "inhibit":
            since = outages(store, now=now).get(vendor)
            if since is None:
                raise ActRefusedError("that vendor is not down any more")
            said = f"Quiet while {vendor.capitalize()} is down; what fires once it answers is told."
            return make(kind=PauseKind.INHIBITED, vendor=vendor, down_since=since), said
    raise ActRefusedError("there is no such act")
