"""How an alert goes from pending to firing to resolved: pure, one step per evaluation.

inactive ─▶ pending ─▶ firing ─▶ resolved       pending only where the rule has a `for`;
    ▲          │         ▲           │          a condition that ends before it has held
    └──────────┘         └───────────┘          for so long tells nobody
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from include.alerts.rules import AlertRule

PACE: Final = timedelta(minutes=1)
"""How often the rules are evaluated."""

MAX_MISSED: Final = 60
"""Evaluations that are made up for from history; of what was missed before, nothing is assumed."""


class Phase(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class AlertEventType(StrEnum):
    """What an evaluation changed."""

    PENDING = "pending"
    LAPSED = "lapsed"
    FIRED = "fired"
    REPEATED = "repeated"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleReading:
    """Whether a rule's condition holds at an instant, of which job (None: all), and by which numbers."""

    holds: bool
    is_known: bool = True
    """False where a number that decides is unknown; then it does not hold."""
    job: str | None = None
    numbers: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertState:
    """What is kept of a rule between evaluations."""

    rule: str
    phase: Phase = Phase.INACTIVE
    since: datetime | None = None
    """When the condition was first seen to hold, of the time it has held without a break."""
    fired_at: datetime | None = None
    told_at: datetime | None = None
    """When it was last said that it fires; None: not yet, because somebody wanted quiet."""
    resolved_at: datetime | None = None
    reading: RuleReading = field(default_factory=lambda: RuleReading(holds=False))


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertEvent:
    """A change of an alert, to be kept and, where it is one of those, to be told."""

    rule: str
    what: AlertEventType
    at: datetime
    since: datetime
    fired_at: datetime | None
    reading: RuleReading


def step(
    rule: AlertRule, state: AlertState, reading: RuleReading, *, now: datetime
) -> tuple[AlertState, AlertEventType | None]:
    """Return the state after an evaluation at `now`, and what it changed, if anything."""
    if not reading.holds:
        return _without(state, reading, now)
    since = state.since if state.phase in (Phase.PENDING, Phase.FIRING) else None
    held = replace(state, since=since or now, reading=reading)
    if state.phase is Phase.FIRING:
        if state.told_at is not None and (rule.repeat is None or now - state.told_at < rule.repeat):
            return held, None
        return replace(held, told_at=now), AlertEventType.REPEATED
    if now - (since or now) >= rule.for_:
        fired = replace(held, phase=Phase.FIRING, fired_at=now, told_at=now, resolved_at=None)
        return fired, AlertEventType.FIRED
    if state.phase is Phase.PENDING:
        return held, None
    return replace(held, phase=Phase.PENDING), AlertEventType.PENDING


def _without(
    state: AlertState, reading: RuleReading, now: datetime
) -> tuple[AlertState, AlertEventType | None]:
    """Return the state of a rule whose condition does not hold."""
    if state.phase is Phase.FIRING:
        return replace(
            state, phase=Phase.RESOLVED, resolved_at=now, reading=reading
        ), AlertEventType.RESOLVED
    if state.phase is Phase.PENDING:
        phase = Phase.RESOLVED if state.resolved_at else Phase.INACTIVE
        return replace(state, phase=phase, since=None, reading=reading), AlertEventType.LAPSED
    return replace(state, reading=reading), None


def forgotten(state: AlertState) -> AlertState:
    """Return the state after a time of which nothing is known: what was pending begins anew."""
    if state.phase is not Phase.PENDING:
        return state
    phase = Phase.RESOLVED if state.resolved_at else Phase.INACTIVE
    return replace(state, phase=phase, since=None)


def alert_event_from(
    state: AlertState, what: AlertEventType, *, at: datetime, since: datetime | None
) -> AlertEvent:
    """Return a change as it is kept; `since` is that of the state before, for what has ended."""
    return AlertEvent(
        rule=state.rule,
        what=what,
        at=at,
        since=state.since or since or at,
        fired_at=state.fired_at
        if what in (AlertEventType.FIRED, AlertEventType.REPEATED, AlertEventType.RESOLVED)
        else None,
        reading=state.reading,
    )


def instants(last: datetime | None, now: datetime) -> tuple[datetime, ...]:
    """Return when the rules are to be evaluated: the minutes that were missed since `last`, then now.

    An evaluation a little late is none that was missed.
    """
    return (*_missed(last, now), now)


def _missed(last: datetime | None, now: datetime) -> Iterator[datetime]:
    if last is None:
        return
    first = max(last, now - MAX_MISSED * PACE) + PACE
    while now - first > PACE / 2:
        yield first
        first += PACE


def is_forgotten(last: datetime | None, now: datetime) -> bool:
    """Tell whether more was missed than is made up for."""
    return last is not None and now - last > (MAX_MISSED + 1) * PACE


def to_tell(happenings: Sequence[AlertEvent]) -> list[AlertEvent]:
    """Return which of a rule's changes, oldest first, are told: of what came and went meanwhile, nothing.

    Of several only the end of what had been told and the beginning of what lasts.
    """
    telling = [
        one for one in happenings if one.what not in (AlertEventType.PENDING, AlertEventType.LAPSED)
    ]
    ends = [one for one in telling if one.what is AlertEventType.RESOLVED]
    begins = [one for one in telling if one.what is AlertEventType.FIRED]
    told = []
    if ends and telling[0].what is not AlertEventType.FIRED:
        told.append(ends[0])
    if begins and telling[-1].what is not AlertEventType.RESOLVED:
        told.append(begins[-1])
    return told if ends or begins else telling[-1:]
