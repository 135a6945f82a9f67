"""What a person has said of an alert: she has seen it, or wants to hear nothing of it for a while. Over by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from include.alerts.states import Phase, State, What

if TYPE_CHECKING:
    from datetime import datetime


class PauseKind(StrEnum):
    """What she wants."""

    ACKNOWLEDGED = "acknowledged"  # this firing is not told again; the next one is
    SILENCED = "silenced"  # nothing is told until its time; what still fires then is


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

    def holds(self, state: State, at: datetime) -> bool:
        """Tell whether it still holds, of a rule that stands so."""
        if self.until is not None:
            return self.made_at <= at < self.until
        return state.phase is Phase.FIRING and state.fired_at == self.fired_at


def hushed(
    pause: Pause | None, before: State, after: State, what: What | None, *, at: datetime
) -> tuple[State, What | None, bool]:
    """Return a step as it is where somebody wants quiet; the last value tells whether nobody is to be told of it.

    A beginning is kept and told to nobody: as if it was never said, it is said when the quiet is over and it still
    fires. A repetition is none. An end is told as ever, to those who know of the beginning.
    """
    if pause is None or not pause.holds(after, at):
        return after, what, False
    if what is What.FIRED:
        return replace(after, told_at=None), what, True
    if what is What.REPEATED:
        return replace(after, told_at=before.told_at), None, False
    return after, what, False
