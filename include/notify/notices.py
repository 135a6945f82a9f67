"""What is noted about failed runs, questions and dead letters for people to be told, and when it is over.

A failure is noted in the database first and sent then (`outbox`), by whoever gets to it: the callback of the run that
failed, the next callback, or `reconciliation`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from include.notify.texts import LATE, clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from include.clock import Clock
    from include.store import Store
    from include.store.notices import Damage, FailedRun, Notice, NoticeFacts

QUIET = timedelta(minutes=15)  # in which the same failure is counted and not told again
SHOWN_REASONS = 3
MAX_SHOWN_DEAD_LETTERS = 5

VARYING = re.compile(
    r"\b(?=\w*\d)[\w-]+\b"
)  # ids, counts, statuses: what differs between two alike


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureCause:
    """What Airflow says of a failed run: why, and the task that failed with its try."""

    why: str | None = None
    task: str | None = None
    try_number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Success:
    """A run of a job that ended well."""

    dag_run_id: str
    ended_at: datetime


# --- what is noted ---


def note_failure(run: FailedRun, cause: FailureCause, *, store: Store, clock: Clock) -> bool:
    """Note that a run has failed; return False where this failure is noted already."""
    damage, now = store.notices.damage(run.dag_run_id), clock.now()
    return store.notices.note(
        run,
        key=":".join(filter(None, (run.job, run.kind, fingerprint_of(cause, damage)))),
        facts=_facts(run, cause, damage),
        inbox_ids=damage.inbox_ids,
        quiet_since=now - QUIET,
        now=now,
    )


def note_question(  # noqa: PLR0913 - what a question is, by name
    job: str, dag_run_id: str, *, task: str, dead_letters: int, store: Store, now: datetime
) -> None:
    """Have people told that a run waits for their answer: once per run."""
    facts = {"kind": "question", "dag_run_id": dag_run_id, "task": task, "letters": dead_letters}
    store.notices.put(_question_key(job, dag_run_id), job=job, facts=facts, now=now)


def note_new_dead_letters(*, store: Store, now: datetime) -> None:
    """Have people told of the dead letters that are new, alike ones together, whether a review goes on or not."""
    with store.transaction():
        new = store.dead_letters.take_unannounced(now=now)
        for job, fingerprint in sorted({(one.job, one.fingerprint) for one in new}):
            alike = [one for one in new if (one.job, one.fingerprint) == (job, fingerprint)]
            newest = alike[-1]
            facts = {
                "kind": "dead_letters",
                "ids": [one.id for one in alike[-MAX_SHOWN_DEAD_LETTERS:]],
                "what": f"{newest.error_class}: {clean(newest.reason)}",
                "dag_run_id": newest.dag_run_id,
            }
            key = f"dead_letters:{job}:{fingerprint}"
            store.notices.renew(key, job=job, facts=facts, count=len(alike), now=now)


def move_question(job: str, old_run_id: str, dag_run_id: str, *, store: Store) -> None:
    """Have it said in the thread of a question how it ended that another run puts again: nobody is told twice."""
    old, new = _question_key(job, old_run_id), _question_key(job, dag_run_id)
    store.notices.move(old, new, facts={"dag_run_id": dag_run_id})


def close_question(job: str, dag_run_id: str, *, how: str, store: Store, now: datetime) -> None:
    """Have it said in the thread of the question how that ended."""
    notice = store.notices.get(_question_key(job, dag_run_id))
    if notice is not None:
        store.notices.recover(notice, recovery={"how": how}, now=now)


def _question_key(job: str, dag_run_id: str) -> str:
    return f"{job}:question:{dag_run_id}"


def fingerprint_of(cause: FailureCause, damage: Damage) -> str:
    """Return what two failures of a job share that a person would call the same."""
    if cause.why == LATE:
        return LATE
    alike = sorted({VARYING.sub("#", reason) for reason in damage.reasons})
    parts = alike or [cause.why or "", cause.task or ""]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _facts(run: FailedRun, cause: FailureCause, damage: Damage) -> NoticeFacts:
    return {
        "dag_run_id": run.dag_run_id,
        "run_kind": run.kind,
        "what": _what(cause, damage),
        "why": cause.why,
        "task": cause.task,
        "try_number": cause.try_number,
        "members": damage.members,
        "rows": len(damage.inbox_ids),
    }


def _what(cause: FailureCause, damage: Damage) -> str:
    """Say in plain words what failed: our own reasons where there are any, else what Airflow knows."""
    if cause.why == LATE:
        return "the run is not over in time; it goes on, or waits to start"
    if damage.reasons:
        shown = [clean(reason) for reason in damage.reasons[:SHOWN_REASONS]]
        more = len(damage.reasons) - len(shown)
        return "; ".join([*shown, *([f"and {more} more reasons"] if more else [])])
    if cause.why == "timed_out":
        return "the run took longer than it may"
    if cause.why == "all_tasks_deadlocked":
        return "its tasks wait for each other"
    return f"the task `{cause.task}` failed; its log says why" if cause.task else "the run failed"


# --- when it is over ---


def close_recovered(
    successes: Mapping[tuple[str, str], Success], *, store: Store, clock: Clock
) -> int:
    """Close the failures that are over; return how many.

    One that left rows behind is over when these have ended well, another one with the next run of its own kind that
    does: a dry run, or one of a single event, says nothing of the schedule's. `successes` has the newest such run
    of each job and kind.
    """
    closed = 0
    for found in store.notices.read_open():
        notice = found.notice
        success = _success_of(notice, successes)
        if found.has_rows:
            recovery = None if found.open_rows else {"rows": "well"}
        elif success is not None and success.ended_at > notice.seen_at:
            recovery = {"dag_run_id": success.dag_run_id}
        else:
            recovery = None
        if recovery is not None:
            closed += store.notices.recover(notice, recovery=recovery, now=clock.now())
    return closed


def _success_of(notice: Notice, successes: Mapping[tuple[str, str], Success]) -> Success | None:
    """Return the newest success of the kind that failed; where that is not known, of any."""
    kind = notice.facts.get("run_kind") or ""
    of_job = [
        one
        for (job, other), one in successes.items()
        if job == notice.job and (not kind or kind == other)
    ]
    return max(of_job, key=lambda one: one.ended_at, default=None)
