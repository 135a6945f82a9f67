"""What reconciliation found, run by run, and the questions that it asks of our own tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from include.store.sql import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID


MAX_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckFinding:
    """What one check found. `stopped` says why nothing was put right where a person must decide."""

    check: str
    found: int = 0
    repaired: int = 0
    looked_at: int | None = None
    note: str | None = None
    stopped: str | None = None
    examples: tuple[str, ...] = ()  # ids only

    @property
    def left(self) -> int:
        """Return how many a person has to look at, or the next run."""
        return self.found - self.repaired


def finding_of(check: str, ids: Iterable[str], **known: Any) -> CheckFinding:
    """Return a finding of these ids, of which it shows the first few."""
    found = list(ids)
    return CheckFinding(
        check=check, found=len(found), examples=tuple(found[:MAX_EXAMPLES]), **known
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Uncertain:
    """An effect whose answer was lost; `letter_id` where a person is asked about it."""

    key: str
    job: str
    member_id: UUID | None
    dag_run_id: str | None
    reason: str | None
    letter_id: int | None
    inbox_ids: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlettered:
    """An event that failed, that nothing will try again, and that no person was asked about."""

    id: int
    job: str | None
    member_id: UUID | None
    state: str
    error_class: str | None
    reason: str | None
    dag_run_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconciliationReport:
    """One run's report; `findings` by the name of the check."""

    dag_run_id: str
    is_deep: bool
    is_dry_run: bool
    started_at: datetime
    finished_at: datetime | None
    findings: dict[str, CheckFinding] = field(default_factory=dict)


class Reconciliations(Table, file="reconciliations"):
    """The table `ops.reconciliations`, and what it is filled from."""

    def open(
        self, dag_run_id: str, *, is_deep: bool, is_dry_run: bool, now: datetime
    ) -> ReconciliationReport:
        """Begin the report of a run, or go on with it: what kind of run it is stays as it began."""
        self._sql.open_run(dag_run_id=dag_run_id, is_deep=is_deep, is_dry_run=is_dry_run, now=now)
        return self.get(dag_run_id)

    def save(self, dag_run_id: str, findings: Iterable[CheckFinding]) -> None:
        """Write down what some checks have found, in the place of what an earlier try did."""
        documents = {finding.check: _document(finding) for finding in findings}
        self._sql.save_findings(dag_run_id=dag_run_id, findings=Jsonb(documents))

    def close(self, dag_run_id: str, *, now: datetime) -> None:
        """Close the report."""
        self._sql.close_run(dag_run_id=dag_run_id, now=now)

    def get(self, dag_run_id: str) -> ReconciliationReport:
        """Return a run's report; KeyError for one that has none."""
        row = self._sql.read_run(dag_run_id=dag_run_id)
        if row is None:
            raise KeyError(dag_run_id)
        return _report(row)

    def latest(self, limit: int) -> list[ReconciliationReport]:
        """Return the newest reports, newest first."""
        return [_report(row) for row in self._sql.read_latest(row_limit=limit)]

    def last_deep(self) -> datetime | None:
        """Tell when the last deep run began that came to its end and might repair."""
        return self._sql.read_last_deep()

    # --- what our own tables say ---

    def late_rows(self, *, due_before: datetime) -> list[str]:
        """Return the rows whose run should have been asked for by then."""
        return _ids(self._sql.find_late_rows(due_before=due_before))

    def late_claims(self, *, claimed_before: datetime) -> list[str]:
        """Return the runs that were claimed before then and that Airflow still does not have."""
        return _ids(self._sql.find_late_claims(claimed_before=claimed_before))

    def late_ends(self, *, due_before: datetime) -> list[str]:
        """Return the planned ends that should have been done by then."""
        return _ids(self._sql.find_late_ends(due_before=due_before))

    def uncertain(self, *, before: datetime) -> list[Uncertain]:
        """Return the effects whose answer was lost before then and that nobody has decided about."""
        return [Uncertain(**row) for row in self._sql.find_uncertain(before=before)]

    def unlettered(self, *, before: datetime) -> list[Unlettered]:
        """Return the events that failed before then and that are nobody's."""
        return [Unlettered(**row) for row in self._sql.find_unlettered(before=before)]

    def abandoned(self, *, before: datetime) -> list[str]:
        """Return the effects that were begun before then and that nothing has ended."""
        return _ids(self._sql.find_abandoned(before=before))

    def mark_uncertain(self, *, before: datetime, now: datetime) -> list[str]:
        """Make such effects uncertain, and return them."""
        return _ids(self._sql.mark_uncertain(before=before, now=now))


def _ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def _document(finding: CheckFinding) -> dict[str, Any]:
    return {name: value for name, value in asdict(finding).items() if name != "check"}


def _report(row: Mapping[str, Any]) -> ReconciliationReport:
    findings = {
        check: CheckFinding(check=check, **{**found, "examples": tuple(found["examples"])})
        for check, found in row["findings"].items()
    }
    return ReconciliationReport(**{**row, "findings": findings})
