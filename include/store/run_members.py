"""The members one run works on, and what came of it: what its tasks hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from include.errors import ErrorClass
from include.store.inbox import InboxState
from include.store.sql import Table, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID


AuditedState = dict[
    str, object
]  # a member's state as the audit log shows it: JSON without addresses


class MemberOutcome(StrEnum):
    """What came of a member in a run."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    UNCHANGED = "unchanged"
    TERMINAL = "terminal"  # only the member herself can go on from here
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberResult:
    """A member's outcome; `reason` says why it is terminal or failed, `after` how it was left."""

    member_id: UUID
    outcome: MemberOutcome
    reason: str | None = None
    after: AuditedState | None = None
    error_class: ErrorClass | None = None  # of one that failed


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedRow:
    """An event whose member's outcome is recorded."""

    id: int
    job: str
    member_id: UUID
    state: InboxState
    reason: str | None
    error_class: ErrorClass | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unrecorded:
    """A member's outcome on its way into the audit log."""

    member_id: UUID
    outcome: MemberOutcome
    reason: str | None
    before: AuditedState | None
    after: AuditedState | None
    inbox_ids: list[int]


class RunMembers(Table, file="run_members"):
    """The table `ops.run_members`."""

    def open(self, dag_run_id: str, before: Mapping[UUID, AuditedState | None]) -> None:
        """Put members into a run, each with its state before; in it already, it is open again."""
        self._sql.open_members(
            [
                {
                    "dag_run_id": dag_run_id,
                    "member_id": member_id,
                    "before": None if state is None else Jsonb(state),
                }
                for member_id, state in before.items()
            ]
        )

    def reopen_failed(self, dag_run_id: str) -> int:
        """Let failed members be tried again; return how many."""
        return self._sql.reopen_failed(dag_run_id=dag_run_id)

    def pending(self, dag_run_id: str) -> list[UUID]:
        """Return the members without an outcome."""
        return [row["member_id"] for row in self._sql.read_pending(dag_run_id=dag_run_id)]

    def resolve(self, dag_run_id: str, results: Iterable[MemberResult]) -> None:
        """Write down outcomes."""
        self._sql.settle_members(
            [
                values_of(
                    result,
                    dag_run_id=dag_run_id,
                    after=None if result.after is None else Jsonb(result.after),
                )
                for result in results
            ]
        )

    def fail(self, dag_run_id: str, results: Iterable[MemberResult]) -> None:
        """Let settled members fail after all; how they were left stays as it was written down."""
        self._sql.fail_members([values_of(one, dag_run_id=dag_run_id) for one in results])

    def recover(self, dag_run_id: str, member_ids: Collection[UUID]) -> None:
        """Let members succeed that had failed in an earlier try."""
        self._sql.mend_members(dag_run_id=dag_run_id, member_ids=list(member_ids))

    def unrecorded(self, dag_run_id: str) -> list[Unrecorded]:
        """Return the outcomes that the audit log does not have yet."""
        return [
            record_from(Unrecorded, row, outcome=MemberOutcome)
            for row in self._sql.read_unrecorded(dag_run_id=dag_run_id)
        ]

    def record(
        self, dag_run_id: str, *, now: datetime, untold: Collection[UUID] = ()
    ) -> list[EndedRow]:
        """End the rows of members whose outcome is new, mark these as recorded, and return the rows.

        Of the `untold` the audit log says nothing yet: tried again, they still have the state before.
        """
        rows = list(self._sql.end_members_rows(dag_run_id=dag_run_id, now=now))
        self._sql.mark_recorded(dag_run_id=dag_run_id, untold=list(untold), now=now)
        return [
            record_from(EndedRow, row, state=InboxState, error_class=ErrorClass) for row in rows
        ]

    def failures(self, dag_run_id: str) -> dict[UUID, str]:
        """Return the failed members with their reasons."""
        rows = self._sql.read_failures(dag_run_id=dag_run_id)
        return {row["member_id"]: row["reason"] for row in rows}
