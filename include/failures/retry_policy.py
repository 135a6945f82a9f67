"""The one decision about a case that has failed: tried again, deferred, or dead. Pure.

| class              | breaker closed                                   | breaker open                               |
|--------------------|--------------------------------------------------|--------------------------------------------|
| `transient`        | five retries, after 1, 2, 4, 8, 16 s; then dead  | until its next probe; after 24 hours dead  |
| `slow_transient`   | after 1, 6, 24 hours; then dead                  | the same                                   |
| all others         | dead at once                                     | dead at once                               |

A replay is one try: a person waits for it. Where the vendor answers it is never tried again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from include.errors import BreakerOpenError, ErrorClass, VendorUnavailableError
from include.failures.breakers import MAX_WAIT
from include.store.breakers import BreakerState
from include.store.dead_letters import DeadLetterState

if TYPE_CHECKING:
    from datetime import datetime

    from include.store.breakers import Breaker
    from include.store.dead_letters import DeadLetter

RETRY_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16))
SLOW_PAUSES: Final = tuple(timedelta(hours=hours) for hours in (1, 6, 24))
MAX_RETRIES: Final = len(RETRY_PAUSES)


class RetryAction(Enum):
    """What is done about a case."""

    RETRY = auto()  # `webhook_retry` tries it alone
    DEFER = auto()  # it waits for the job it failed in
    DEAD = auto()  # a person looks


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryDecision:
    """What is done about a case, and when it is due."""

    action: RetryAction
    due_at: datetime | None = None


DEAD: Final = RetryDecision(action=RetryAction.DEAD)


def retry_decision(  # noqa: PLR0913 - what is known of it, by name
    error_class: ErrorClass,
    dead_letter: DeadLetter | None,
    *,
    retries: int,
    slow_tries: int,
    breaker: Breaker | None,
    now: datetime,
) -> RetryDecision:
    """Decide about a case that has failed.

    `dead_letter` is how it stood before, `retries` counts its tries alone so far (0: it failed in a batch),
    `slow_tries` those that met a limit of hours, `breaker` is its vendor's.
    """
    is_replay = dead_letter is not None and dead_letter.state is DeadLetterState.REPLAYING
    match error_class:
        case ErrorClass.TRANSIENT if breaker and breaker.state is not BreakerState.CLOSED:
            probe_at = breaker.probe_at or now
            since = (
                dead_letter.since
                if dead_letter is not None and dead_letter.closed_at is None
                else now
            )
            return _deferred(probe_at) if probe_at - since <= MAX_WAIT else DEAD
        case ErrorClass.TRANSIENT if retries < MAX_RETRIES and not is_replay:
            return RetryDecision(action=RetryAction.RETRY, due_at=now + RETRY_PAUSES[retries])
        case ErrorClass.SLOW_TRANSIENT if slow_tries < len(SLOW_PAUSES) and not is_replay:
            return _deferred(now + SLOW_PAUSES[slow_tries])
        case _:
            return DEAD


def is_retried_by_task(answer: object) -> bool:
    """Tell whether a task tries a call again itself: not for limits that last for hours, nor for an open breaker."""
    return isinstance(answer, VendorUnavailableError) and not isinstance(answer, BreakerOpenError)


def _deferred(due_at: datetime) -> RetryDecision:
    return RetryDecision(action=RetryAction.DEFER, due_at=due_at)
