"""The alert rules as people see them: where each stands, and what somebody has said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from include.alerts.pauses import Pause, PauseKind
from include.alerts.rules import load
from include.alerts.states import Phase, State
from include.errors import ActRefusedError
from include.jobs.person import person_from
from include.store.audit import Change

if TYPE_CHECKING:
    from datetime import datetime

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
    states, pauses = store.alerts.states(), store.alerts.pauses()
    found = []
    for rule in load():
        state = states.get(rule.name, State(rule=rule.name))
        pause = pauses.get(rule.name)
        numbers = state.reading.numbers.items()
        found.append(
            Alert(
                name=rule.name,
                condition=rule.condition,
                severity=rule.severity,
                phase=state.phase.value,
                since=state.fired_at if state.phase is Phase.FIRING else None,
                numbers=", ".join(
                    f"{name} {value:g}" for name, value in numbers if value is not None
                ),
                pause=pause if pause and pause.holds(state, now) else None,
            )
        )
    return sorted(found, key=lambda one: (not one.fires, one.name))


def say_of(  # noqa: PLR0913 - who says what of which, by name
    rule: str, what: str, *, hours: str, who: str, why: str, store: Store, now: datetime
) -> str:
    """Acknowledge an alert, silence it for so many hours, or take that back; return what holds then, in words."""
    person = person_from(who, why)
    with store.transaction():
        state = store.alerts.states().get(rule)
        if rule not in {one.name for one in load()}:
            raise ActRefusedError(f"there is no rule {rule!r}")
        if what == "end":
            if not store.alerts.end_pause(rule):
                raise ActRefusedError("nothing is said of it any more")
            said = "Taken back: it is told as ever."
        elif what == "acknowledge":
            if state is None or state.phase is not Phase.FIRING:
                raise ActRefusedError("it does not fire any more")
            _pause(
                rule,
                PauseKind.ACKNOWLEDGED,
                person.actor,
                person.why,
                store,
                now,
                fired_at=state.fired_at,
            )
            said = "Acknowledged: this time it is not told again; its end is, and the next time."
        elif what == "silence" and hours in QUIET_HOURS:
            until = now + timedelta(hours=int(hours))
            _pause(rule, PauseKind.SILENCED, person.actor, person.why, store, now, until=until)
            said = f"Silenced until {until:%-d %b %Y %H:%M} UTC; what fires then is told."
        else:
            raise ActRefusedError("there is no such act")
        change = Change(
            target=f"alert:{rule}",
            actor=person.actor,
            action=f"alert:{what}",
            metadata={"why": person.why, **({"hours": hours} if what == "silence" else {})},
        )
        store.audit.add([change], now=now)
    return said


def _pause(  # noqa: PLR0913, PLR0917 - the columns
    rule: str,
    kind: PauseKind,
    actor: str,
    why: str,
    store: Store,
    now: datetime,
    *,
    until: datetime | None = None,
    fired_at: datetime | None = None,
) -> None:
    pause = Pause(
        rule=rule, kind=kind, actor=actor, why=why, made_at=now, until=until, fired_at=fired_at
    )
    store.alerts.pause(pause)
