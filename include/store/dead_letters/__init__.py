"""What failed, from its first try on, and what waits for a person.

retrying ─▶ open ─▶ replaying ─▶ replayed       tried again, and it went well
   │         │ ▲ ▲      └─ it failed again
   │         │ │ └─▶ compensating ─▶ compensated    its half-done effect is undone
   │         │ └────▶ abandoned                  a person lets it be; she may take that back
   └─────────┴─▶ resolved                        it went well otherwise: a try, or a later event

One row per case for ever: what fails again comes back as the same letter with one more attempt. A case is what
fails together: a member's events of one job (`member:<uuid>`), else one event (`row:<inbox id>`), one effect
(`step:<key>`), one run (`run:<dag run id>`).
"""

from __future__ import annotations

from include.store.dead_letters.letters import (
    NOT_CLOSED,
    SEVERITIES,
    Attempt,
    DeadLetter,
    DeadLetterAction,
    DeadLetterDecision,
    DeadLetterGroup,
    DeadLetterState,
    Failure,
    Filter,
    Moved,
    NewDeadLetter,
    Severity,
    subject_of,
)
from include.store.dead_letters.table import DeadLetters

__all__ = [
    "NOT_CLOSED",
    "SEVERITIES",
    "Attempt",
    "DeadLetter",
    "DeadLetterAction",
    "DeadLetterDecision",
    "DeadLetterGroup",
    "DeadLetterState",
    "DeadLetters",
    "Failure",
    "Filter",
    "Moved",
    "NewDeadLetter",
    "Severity",
    "subject_of",
]
