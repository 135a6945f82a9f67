"""One run of a job as people see it: what it did in one sentence, the members in it, the events it took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.relay.trouble import counted
from include.store.dead_letters import Filter, LetterState
from include.store.lookup import Lookup

if TYPE_CHECKING:
    from uuid import UUID

    from include.store import Store
    from include.store.inbox import InboxRow
    from include.store.job_runs import JobRun

MAX_SHOWN = 200
OUTCOMES = {
    "create": "is new",
    "update": "brought up to date",
    "cancel": "ended",
    "unchanged": "was right already",
    "terminal": "only she can go on",
    "failed": "failed",
    "done": "ended",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InRun:
    """A member in a run, and what came of her in words."""

    member_id: UUID
    name: str | None
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """All of it; `run` is None for one that nobody has written down."""

    job: str
    dag_run_id: str
    run: JobRun | None
    summary: str
    members: tuple[InRun, ...]
    rows: tuple[InboxRow, ...]


def read_run(store: Store, job: str, dag_run_id: str, *, sees_names: bool) -> RunView:
    """Return a run's page."""
    lookup = Lookup(store.connection)
    members = lookup.members_of_run(dag_run_id, limit=MAX_SHOWN)
    names = lookup.names([one.member_id for one in members]) if sees_names else {}
    return RunView(
        job=job,
        dag_run_id=dag_run_id,
        run=store.job_runs.get(job, dag_run_id),
        summary=summary(store, dag_run_id),
        members=tuple(
            InRun(
                member_id=one.member_id,
                name=names[one.member_id].name if one.member_id in names else None,
                words=": ".join(filter(None, (_words(one.outcome), one.reason))),
            )
            for one in members
        ),
        rows=tuple(store.inbox.of_run(dag_run_id)[:MAX_SHOWN]),
    )


def summary(store: Store, dag_run_id: str) -> str:
    """Say in one line what a run has done: whom it changed, and which dead letters it has left."""
    members = Lookup(store.connection).members_of_run(dag_run_id, limit=MAX_SHOWN)
    outcomes = Counter(_words(one.outcome) for one in members)
    told = ", ".join(f"{number} {words}" for words, number in outcomes.most_common())
    wanted = Filter(dag_run_id=dag_run_id, states=tuple(LetterState))
    letters = [str(one.id) for one in store.dead_letters.select(wanted)]
    left = f"dead letter{'' if len(letters) == 1 else 's'} {', '.join(letters)}" if letters else ""
    who = f"{counted(len(members), 'member')}: {told}" if members else "No members"
    return "; ".join(filter(None, (who, left)))


def _words(outcome: str | None) -> str:
    if outcome is None:
        return "nothing has come of it yet"
    return OUTCOMES.get(outcome, outcome.replace("_", " "))
