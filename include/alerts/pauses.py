"""What a person has said of an alert: she has seen it, or wants quiet for a while or an outage. Over by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from include.alerts.states import AlertEventType, AlertState, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Outages = Mapping[str, datetime | None]  # vendors that are not called, and since when


class PauseKind(StrEnum):
    """What she wants."""

    ACKNOWLEDGED = "acknowledged"  # this firing is not told again; the next one is
    SILENCED = "silenced"  # nothing is told until its time; what still fires then is
    INHIBITED = "inhibited"  # the same, until a vendor that is down answers again


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """One of them; `actor` and `why` are for the people who wonder why it is quiet."""

    rule: str
    kind: PauseKind
    actor: str
    why: str
    made_at: datetime
    until: datetime | None = None
    fired_at: datetime | None = None
    vendor: str | None = None
    down_since: datetime | None = None  # its next outage is another one

    def holds(self, state: AlertState, at: datetime, outages: Outages) -> bool:
        """Tell whether it still holds, of a rule that stands so, while these vendors are down."""
        if self.vendor is not None:
            return self.vendor in outages and outages[self.vendor] == self.down_since
        if self.until is not None:
            return self.made_at <= at < self.until
        return state.phase is Phase.FIRING and state.fired_at == self.fired_at


def acknowledged(state: AlertState, *, actor: str, why: str, at: datetime) -> Pause | None:
    """Return what says that somebody has seen what fires; None where it does not fire any more."""
    if state.phase is not Phase.FIRING:
        return None
    return Pause(
        rule=state.rule,
        kind=PauseKind.ACKNOWLEDGED,
        actor=actor,
        why=why,
        made_at=at,
        fired_at=state.fired_at,
    )


def hushed(  # noqa: PLR0913 - a step, and what is said of it
    pause: Pause | None,
    before: AlertState,
    after: AlertState,
    what: AlertEventType | None,
    *,
    at: datetime,
    outages: Outages,
) -> tuple[AlertState, AlertEventType | None, bool]:
    """Return a step as it is where somebody wants quiet; the last value tells whether nobody is to be told of it.

    A beginning is kept and told to nobody: as if it was never said, it is said when the quiet is over and it still
    fires. A repetition is none. An end is told as ever, to those who know of the beginning.
    """
    if pause is None or not pause.holds(after, at, outages):
        return after, what, False
    if what is AlertEventType.FIRED:
        return replace(after, told_at=None), what, True
    if what is AlertEventType.REPEATED:
        return replace(after, told_at=before.told_at), None, False
    return after, what, False
