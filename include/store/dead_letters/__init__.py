"""What failed, from its first try on, and what waits for a person.

retrying ─▶ open ─▶ replaying ─▶ replayed       tried again, and it went well
   │         │ ▲ ▲      └─ it failed again
   │         │ │ └─▶ compensating ─▶ compensated    its half-done effect is undone
   │         │ └────▶ abandoned                  a person lets it be; she may take that back
   └─────────┴─▶ resolved                        it went well otherwise: a try, or a later event

One row per case for ever: what fails again comes back as the same dead letter with one more attempt. A case is what
fails together: a member's events of one job (`member:<uuid>`), else one event (`row:<inbox id>`), one effect
(`step:<key>`), one run (`run:<dag run id>`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from include.errors import ErrorClass

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

NUMBERS = re.compile(r"\d+")


class DeadLetterState(StrEnum):
    """Where a dead letter stands."""

    RETRYING = "retrying"  # it has failed, and is tried again without anybody's doing
    OPEN = "open"  # it is dead: it waits for a person
    REPLAYING = "replaying"
    REPLAYED = "replayed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    ABANDONED = "abandoned"
    RESOLVED = "resolved"


NOT_CLOSED = (
    DeadLetterState.RETRYING,
    DeadLetterState.OPEN,
    DeadLetterState.REPLAYING,
    DeadLetterState.COMPENSATING,
)


class Severity(StrEnum):
    """How much it matters that somebody looks."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


SEVERITIES = {
    ErrorClass.TRANSIENT: Severity.ERROR,
    ErrorClass.SLOW_TRANSIENT: Severity.WARNING,
    ErrorClass.PERMANENT: Severity.WARNING,
    ErrorClass.TERMINAL_MEMBER: Severity.WARNING,
    ErrorClass.UNCERTAIN: Severity.ERROR,
    ErrorClass.PAYLOAD: Severity.ERROR,
}


class DeadLetterAction(StrEnum):
    """What a person may decide."""

    REPLAY = "replay"
    COMPENSATE = "compensate"
    ABANDON = "abandon"
    UNDO_ABANDON = "undo_abandon"
    CLOSE_FIXED = "close_fixed"
    HOLD = "hold"  # replays that no run has taken yet wait for a person again


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One try that failed; no field may hold an address."""

    job: str
    subject: str
    error_class: ErrorClass
    reason: str
    severity: Severity | None = None  # None: what its class is worth
    vendor: str | None = None
    member_id: UUID | None = None
    inbox_ids: tuple[int, ...] = ()
    tried_by: str | None = None  # the DAG that tried, where it is not the job's own
    dag_run_id: str | None = None
    try_number: int | None = None  # None: the next one of its run
    due_at: datetime | None = None
    started_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """Return what alike failures of a job have in common: the class, and the reason without its numbers."""
        text = f"{self.error_class}:{NUMBERS.sub('#', self.reason)}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One dead letter, as it stands now."""

    id: int
    job: str
    subject: str
    state: DeadLetterState
    error_class: ErrorClass
    fingerprint: str
    reason: str
    severity: Severity
    vendor: str | None
    member_id: UUID | None
    dag_run_id: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    since: datetime
    act_id: int | None
    actor: str | None
    why: str | None
    closed_at: datetime | None
    attempts: int
    is_fixed: bool  # a later event has brought about what failed here


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One try that failed; `due_at` and `started_at` where they are known."""

    job: str
    dag_run_id: str
    try_number: int
    due_at: datetime | None
    started_at: datetime | None
    ended_at: datetime
    error_class: ErrorClass
    reason: str

    @property
    def lag_seconds(self) -> float | None:
        """Return how much later than due it began."""
        if self.due_at is None or self.started_at is None:
            return None
        return (self.started_at - self.due_at).total_seconds()


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterGroup:
    """Alike dead letters: the reason of the newest, the oldest as an example."""

    job: str
    error_class: ErrorClass
    fingerprint: str
    count: int
    fixed: int
    reason: str
    severity: Severity
    example_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which dead letters are meant: those that fit everything that is said."""

    ids: tuple[int, ...] | None = None
    states: tuple[DeadLetterState, ...] = (DeadLetterState.OPEN,)
    job: str | None = None
    error_class: ErrorClass | None = None
    fingerprint: str | None = None
    member_id: UUID | None = None
    dag_run_id: str | None = None  # this run has failed for them
    since: datetime | None = None  # failed last at that time or later
    until: datetime | None = None  # failed last before that


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDeadLetter:
    """A dead letter that has begun to wait for a person, before anybody was told."""

    id: int
    job: str
    error_class: ErrorClass
    fingerprint: str
    reason: str
    dag_run_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A dead letter that has come to another state."""

    id: int
    job: str
    subject: str
    member_id: UUID | None
    dag_run_id: str | None
    state_before: DeadLetterState
    state: DeadLetterState


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterDecision:
    """What a person has decided, and how far it is done."""

    id: int
    act: DeadLetterAction
    actor: str
    why: str
    per_minute: int | None
    dead_letter_ids: list[int]
    position: int
    done: int
    made_at: datetime
    finished_at: datetime | None


def subject_of(inbox_id: int, member_id: UUID | None) -> str:
    """Return which case an event's failure belongs to: its member's, else its own."""
    return f"row:{inbox_id}" if member_id is None else f"member:{member_id}"
