"""What becomes of events that failed: tried again in seconds, deferred, or dead, as `retry_policy` says.

Every failure is written down with its case, in the transaction that ends the rows: what is tried again and
what is dead cannot come apart. A case is a member's events of one job, or one event that nobody is known for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from include.errors import ErrorClass
from include.failures.breakers import OPENS_AFTER, note_failures
from include.failures.dead_letters import STEP, resolve
from include.failures.retry_policy import RetryAction, RetryDecision, retry_decision
from include.store.dead_letters import DeadLetterState, Failure, subject_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Self
    from uuid import UUID

    from include.errors import OpsError
    from include.store import Store
    from include.store.breakers import Breaker
    from include.store.dead_letters import DeadLetter
    from include.store.inbox import InboxRow

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRow:
    """An event that failed, and why."""

    inbox_id: int
    job: str
    member_id: UUID | None
    error_class: ErrorClass
    reason: str
    vendor: str | None

    @classmethod
    def of(cls, row: InboxRow, error: OpsError, *, job: str, reason: str | None = None) -> Self:
        """Return what is known of a row that an error stopped in a run of `job`, where it says no other."""
        return cls(
            inbox_id=row.id,
            job=row.job or job,
            member_id=row.member_id,
            error_class=error.kind,
            reason=reason or str(error),
            vendor=getattr(error, "vendor", None),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunAttempt:
    """Which attempt it was. Without a number it is the next one of its run."""

    by: str  # the DAG
    dag_run_id: str
    now: datetime
    number: int | None = None
    due_at: datetime | None = None
    started_at: datetime | None = None
    retries: int = 0  # the tries alone so far, with this one
    opens_after: int = OPENS_AFTER


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """Rows that failed together, and the dead letter that there was."""

    job: str
    subject: str
    rows: Sequence[FailedRow]
    before: DeadLetter | None

    @property
    def first(self) -> FailedRow:
        return self.rows[0]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(row.inbox_id for row in self.rows)


def fail_rows(
    failed: Sequence[FailedRow], *, tried: RunAttempt, store: Store, is_held: bool = False
) -> bool:
    """Decide what becomes of rows that have failed, and write it down. Needs a transaction.

    Rows that the run still holds (`is_held`) stay with it where they are to be tried again: then it returns True, and
    the run is to try again. All others end here.
    """
    cases = _cases_of(failed, store)
    breakers = _note_breakers(cases, tried=tried, store=store)
    goes_on = False
    for case in cases:
        decision = _decide(case, breakers, tried=tried, store=store)
        _note_attempt(case, decision, tried=tried, store=store)
        if is_held and decision.action is RetryAction.RETRY:
            goes_on = True
        else:
            _carry_out(decision, case, is_held=is_held, now=tried.now, store=store)
        fate, reason = decision.action.name, case.first.reason
        log.warning("case.failed", subject=case.subject, fate=fate, reason=reason)
    if failed:
        store.inbox.wake_dispatchers()
    return goes_on


def _cases_of(failed: Sequence[FailedRow], store: Store) -> list[_Case]:
    rows: dict[tuple[str, str], list[FailedRow]] = defaultdict(list)
    for row in failed:
        rows[row.job, subject_of(row.inbox_id, row.member_id)].append(row)
    return [
        _Case(job=job, subject=subject, rows=own, before=store.dead_letters.find(job, subject))
        for (job, subject), own in sorted(rows.items())
    ]


def _note_breakers(
    cases: Sequence[_Case], *, tried: RunAttempt, store: Store
) -> dict[str, Breaker]:
    """Tell the breakers for whom their vendors failed; return how they stand."""
    who: dict[str, dict[str, str]] = defaultdict(dict)
    for case in cases:
        if case.first.vendor and case.first.error_class is ErrorClass.TRANSIENT:
            who[case.first.vendor][case.subject] = case.first.reason
    return {
        vendor: note_failures(
            vendor,
            reasons.keys(),
            reason=next(iter(reasons.values())),
            store=store,
            now=tried.now,
            opens_after=tried.opens_after,
            dag_run_id=tried.dag_run_id,
        )
        for vendor, reasons in who.items()
    }


def _decide(
    case: _Case, breakers: Mapping[str, Breaker], *, tried: RunAttempt, store: Store
) -> RetryDecision:
    before = case.before
    return retry_decision(
        case.first.error_class,
        before,
        retries=tried.retries,
        slow_tries=store.dead_letters.slow_tries(before.id, since=before.since) if before else 0,
        breaker=breakers.get(case.first.vendor or ""),
        now=tried.now,
    )


def _carry_out(
    decision: RetryDecision, case: _Case, *, is_held: bool, now: datetime, store: Store
) -> None:
    """Do to the rows of a case what was decided; a compensation is `webhook_retry`'s, however long it waits."""
    ids, first = case.ids, case.first
    if is_held:
        store.inbox.fail(ids, reason=first.reason, error_class=first.error_class, now=now)
    is_compensation = case.before and case.before.state is DeadLetterState.COMPENSATING
    if decision.due_at is None:
        store.inbox.dead_letter(ids)
    elif decision.action is RetryAction.RETRY or is_compensation:
        store.inbox.retry(ids, due_at=decision.due_at)
    else:
        store.inbox.defer(ids, due_at=decision.due_at)


def _note_attempt(case: _Case, decision: RetryDecision, *, tried: RunAttempt, store: Store) -> None:
    """Write a failed attempt down with its case; a dead one waits for a person from now on."""
    is_dead = decision.action is RetryAction.DEAD
    failure = Failure(
        job=case.job,
        subject=case.subject,
        error_class=case.first.error_class,
        reason=case.first.reason,
        vendor=case.first.vendor,
        member_id=case.first.member_id,
        inbox_ids=case.ids,
        tried_by=tried.by,
        dag_run_id=tried.dag_run_id,
        try_number=tried.number,
        due_at=tried.due_at,
        started_at=tried.started_at,
    )
    state = DeadLetterState.OPEN if is_dead else DeadLetterState.RETRYING
    store.dead_letters.note(failure, state=state, now=tried.now)


def note_uncertain(  # noqa: PLR0913 - what is known of them, by name
    steps: Mapping[str, UUID],
    *,
    job: str,
    reason: str,
    dag_run_id: str,
    store: Store,
    now: datetime,
) -> None:
    """Let effects of this run's members whose answers were lost wait for a person."""
    rows = store.inbox.of_run(dag_run_id) if steps else []
    for key, member_id in sorted(steps.items()):
        store.dead_letters.open_case(
            Failure(
                job=job,
                subject=f"{STEP}{key}",
                error_class=ErrorClass.UNCERTAIN,
                reason=reason,
                member_id=member_id,
                inbox_ids=tuple(row.id for row in rows if row.member_id == member_id),
                dag_run_id=dag_run_id,
            ),
            now=now,
        )


def end_well(inbox_ids: Iterable[int], *, tried: RunAttempt, store: Store) -> None:
    """Close the dead letters of events that have ended well. In the transaction that ends them."""
    resolve(
        list(inbox_ids),
        actor=f"system:{tried.by}",
        dag_run_id=tried.dag_run_id,
        store=store,
        now=tried.now,
    )
