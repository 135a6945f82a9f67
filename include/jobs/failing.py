"""What becomes of events that failed: tried again in seconds, left waiting, or dead.

Every failure is written down with its case, in the transaction that ends the rows: what is tried again and
what is dead cannot come apart. A case is a member's events of one job, or one event that nobody is known for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from include.errors import ErrorClass
from include.jobs.breakers import LONGEST_WAIT, OPENS_AFTER, note_failures
from include.jobs.dead_letters import STEP, settle
from include.store.breakers import Breaker, BreakerState
from include.store.dead_letters import Failure, LetterState, subject_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from include.store import Store
    from include.store.dead_letters import DeadLetter

FIRST_RETRY = timedelta(
    seconds=1
)  # after the batch; `webhook_retry` pauses 2, 4, 8, 16 s from there
SLOW_PAUSES = tuple(timedelta(hours=hours) for hours in (1, 6, 24))

log = structlog.get_logger(__name__)


class Fate(Enum):
    """What becomes of a case."""

    RETRY = auto()  # `webhook_retry` takes it
    WAIT = auto()  # the job takes it again, when its time has come
    DEAD = auto()  # a person looks


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """What becomes of a case, and when it is due."""

    fate: Fate
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRow:
    """An event that failed, and why."""

    inbox_id: int
    job: str
    member_id: UUID | None
    error_class: ErrorClass
    reason: str
    vendor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """Which try it was. Without a number it is the next one of its run."""

    by: str  # the DAG
    dag_run_id: str
    now: datetime
    number: int | None = None
    due_at: datetime | None = None
    started_at: datetime | None = None
    is_retry: bool = False  # the last of `webhook_retry`'s tries
    opens_after: int = OPENS_AFTER


def sentence_for(  # noqa: PLR0913 - what is known of it, by name
    error_class: ErrorClass,
    letter: DeadLetter | None,
    *,
    slow_tries: int,
    breaker: Breaker | None,
    is_retry: bool,
    now: datetime,
) -> Sentence:
    """Decide about a case that failed; `letter` is how it stood before, `slow_tries` how often slowly."""
    is_replay = letter is not None and letter.state is LetterState.REPLAYING
    match error_class:
        case ErrorClass.TRANSIENT if _waits(breaker, letter, now):
            return Sentence(fate=Fate.WAIT, due_at=breaker.probe_at if breaker else None)
        case ErrorClass.TRANSIENT if not (is_retry or is_replay):
            return Sentence(fate=Fate.RETRY, due_at=now + FIRST_RETRY)
        case ErrorClass.SLOW_TRANSIENT if slow_tries < len(SLOW_PAUSES) and not is_replay:
            return Sentence(fate=Fate.WAIT, due_at=now + SLOW_PAUSES[slow_tries])
        case _:
            return Sentence(fate=Fate.DEAD)


def _waits(breaker: Breaker | None, letter: DeadLetter | None, now: datetime) -> bool:
    """Tell whether the vendor is down as a whole, and the case has not waited too long for it."""
    if breaker is None or breaker.state is BreakerState.CLOSED:
        return False
    since = letter.since if letter is not None and letter.closed_at is None else now
    return (breaker.probe_at or now) - since <= LONGEST_WAIT


def fail_rows(failed: Sequence[FailedRow], *, tried: Tried, store: Store) -> None:
    """Decide what becomes of rows that have failed, and write it down. Needs a transaction."""
    cases: dict[tuple[str, str], list[FailedRow]] = defaultdict(list)
    for row in failed:
        cases[row.job, subject_of(row.inbox_id, row.member_id)].append(row)
    breakers = _note_breakers(cases, tried=tried, store=store)
    for (job, subject), rows in sorted(cases.items()):
        _fail_case(job, subject, rows, breakers=breakers, tried=tried, store=store)
    if failed:
        store.inbox.wake_dispatchers()


def _note_breakers(
    cases: Mapping[tuple[str, str], Sequence[FailedRow]], *, tried: Tried, store: Store
) -> dict[str, Breaker]:
    """Tell the breakers for whom their vendors failed; return how they stand."""
    who: dict[str, dict[str, str]] = defaultdict(dict)
    for (_, subject), rows in cases.items():
        first = rows[0]
        if first.vendor and first.error_class is ErrorClass.TRANSIENT:
            who[first.vendor][subject] = first.reason
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


def _fail_case(  # noqa: PLR0913 - what is known of it, by name
    job: str,
    subject: str,
    rows: Sequence[FailedRow],
    *,
    breakers: Mapping[str, Breaker],
    tried: Tried,
    store: Store,
) -> None:
    first = rows[0]
    before = store.dead_letters.find(job, subject)
    sentence = sentence_for(
        first.error_class,
        before,
        slow_tries=store.dead_letters.slow_tries(before.id, since=before.since) if before else 0,
        breaker=breakers.get(first.vendor or ""),
        is_retry=tried.is_retry,
        now=tried.now,
    )
    note_try(job, subject, rows, tried=tried, store=store, is_dead=sentence.fate is Fate.DEAD)
    ids = [row.inbox_id for row in rows]
    match sentence:
        case Sentence(fate=Fate.RETRY, due_at=datetime() as due_at):
            store.inbox.retry(ids, due_at=due_at)
        case Sentence(fate=Fate.WAIT, due_at=datetime() as due_at):
            store.inbox.put_off(ids, due_at=due_at)
        case _:
            store.inbox.bury(ids)
    log.warning("case.failed", subject=subject, fate=sentence.fate.name, reason=first.reason)


def note_try(  # noqa: PLR0913 - what is known of it, by name
    job: str,
    subject: str,
    rows: Sequence[FailedRow],
    *,
    tried: Tried,
    store: Store,
    is_dead: bool,
) -> DeadLetter:
    """Write a failed try down with its case; a dead one waits for a person from now on."""
    first = rows[0]
    return store.dead_letters.note(
        Failure(
            job=job,
            subject=subject,
            error_class=first.error_class,
            reason=first.reason,
            vendor=first.vendor,
            member_id=first.member_id,
            inbox_ids=tuple(row.inbox_id for row in rows),
            tried_by=tried.by,
            dag_run_id=tried.dag_run_id,
            try_number=tried.number,
            due_at=tried.due_at,
            started_at=tried.started_at,
        ),
        state=LetterState.OPEN if is_dead else LetterState.RETRYING,
        now=tried.now,
    )


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
    rows = store.inbox.of_run(dag_run_id)
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


def end_well(inbox_ids: Iterable[int], *, tried: Tried, store: Store) -> None:
    """Close the letters of events that have ended well. In the transaction that ends them."""
    settle(
        list(inbox_ids),
        actor=f"system:{tried.by}",
        dag_run_id=tried.dag_run_id,
        store=store,
        now=tried.now,
    )
