"""Trying what may fail for a while: not before its pause is over, each pause twice as long as the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from include.errors import AirflowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clock import Clock

log = structlog.get_logger("relay.attempts")

SHORTEST_PAUSE = timedelta(seconds=1)
MAX_PAUSE = timedelta(seconds=60)


@dataclass(slots=True)
class FailedAttempt:
    """What keeps something from being done, and when the next attempt is due."""

    problem: str
    since: datetime
    retry_at: datetime
    pause: timedelta = field(default=SHORTEST_PAUSE)

    def again(self, problem: str, now: datetime) -> None:
        """Wait twice as long as before."""
        self.pause = min(2 * self.pause, MAX_PAUSE)
        self.problem, self.retry_at = problem, now + self.pause


class Attempts:
    """What is tried, each under a name; `troubles` has what does not work now."""

    def __init__(self, clock: Clock) -> None:
        """Start with no trouble known."""
        self._clock = clock
        self.troubles: dict[str, FailedAttempt] = {}

    def attempt(self, what: str, action: Callable[[], None]) -> None:
        """Do it, unless it failed a moment ago; then it is not yet time to try again."""
        trouble = self.troubles.get(what)
        if trouble and self._clock.now() < trouble.retry_at:
            return
        try:
            action()
        except AirflowError as error:
            self._note_trouble(what, str(error))
        else:
            self._note_success(what)

    def seconds_until_retry(self, *names: str, longest: float) -> float:
        """Return after how many seconds one of these is tried again; `longest` where none waits for that."""
        now = self._clock.now()
        waits = [
            (trouble.retry_at - now).total_seconds()
            for what, trouble in self.troubles.items()
            if what in names
        ]
        return max(0.0, min([*waits, longest]))

    def _note_trouble(self, what: str, problem: str) -> None:
        now, trouble = self._clock.now(), self.troubles.get(what)
        if trouble is None or trouble.problem != problem:
            log.warning("attempt.fails", what=what, problem=problem)
        if trouble is None:
            self.troubles[what] = FailedAttempt(problem, now, now + SHORTEST_PAUSE)
        else:
            trouble.again(problem, now)

    def _note_success(self, what: str) -> None:
        trouble = self.troubles.pop(what, None)
        if trouble:
            log.info("attempt.goes_on", what=what, problem_was=trouble.problem)
