"""What became of events and people: read by the demo and the end-to-end tests, written by nobody here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.store.inbox import InboxState
from include.store.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    import psycopg

SQL = statements(Path(__file__).with_suffix(".sql"))
OPEN = (InboxState.WAITING, InboxState.DISPATCHED)
FAILED = (InboxState.FAILED, InboxState.DEAD)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventProgress:
    """One event's way so far."""

    id: int
    provider: str
    event_id: str
    type: str
    state: InboxState
    reason: str | None
    attempts: int
    dag_run_id: str | None
    member_id: UUID | None
    due_at: datetime | None  # of a failed one: when it is tried again
    received_at: datetime
    dispatched_at: datetime | None
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Tell whether something is still to come of it."""
        is_tried_again = self.state in FAILED and self.due_at is not None
        return self.state in OPEN or is_tried_again


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformMember:
    """Somebody the platform knows, with one membership; `email` is lower-cased."""

    member_id: UUID
    email: str
    clerk_user_id: str | None
    stripe_customer_id: str | None
    first_name: str
    last_name: str
    is_visible: bool
    status: str | None
    tier: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLine:
    """One line of the audit log."""

    target: str
    seq: int
    at: datetime
    actor: str
    action: str
    dag_run_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEntry:
    """What a job wrote down about one of its runs as a whole."""

    at: datetime
    actor: str
    action: str
    metadata: dict[str, Any]


def outcomes(
    connection: psycopg.Connection[Any], event_ids: Collection[str]
) -> list[EventProgress]:
    """Return what became of these events so far; one that has not arrived is not among them."""
    rows = SQL.read_outcomes(connection, event_ids=list(event_ids))
    return [EventProgress(**{**row, "state": InboxState(row["state"])}) for row in rows]


def people(connection: psycopg.Connection[Any], emails: Collection[str]) -> list[PlatformMember]:
    """Return whom the platform knows under these addresses; one entry per membership."""
    rows = SQL.read_people(connection, emails=[email.lower() for email in emails])
    return [PlatformMember(**row) for row in rows]


def audit_of(connection: psycopg.Connection[Any], members: Collection[UUID]) -> list[AuditLine]:
    """Return what is written down about these members, each in order."""
    rows = SQL.read_audit(connection, targets=[f"member:{member}" for member in members])
    return [AuditLine(**row) for row in rows]


def audit_at(connection: psycopg.Connection[Any], target: str) -> list[AuditLine]:
    """Return what is written down about something else than a member, in order."""
    return [AuditLine(**row) for row in SQL.read_audit(connection, targets=[target])]


def job_entries_of(connection: psycopg.Connection[Any], dag_run_id: str) -> list[JobEntry]:
    """Return what was written down about a run as a whole, oldest first."""
    return [JobEntry(**row) for row in SQL.read_job_entries(connection, dag_run_id=dag_run_id)]
