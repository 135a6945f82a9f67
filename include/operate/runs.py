"""One run of a job as people see it: what it did in one sentence, the members in it, the events it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.notify.run_notes import words_for, words_of
from include.routing import dag_of

if TYPE_CHECKING:
    from uuid import UUID

    from include.store import Store
    from include.store.inbox import InboxRow
    from include.store.job_runs import JobRun

MAX_SHOWN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class RunMemberLine:
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
    members: tuple[RunMemberLine, ...]
    rows: tuple[InboxRow, ...]

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.run is not None and self.run.finished_at is not None


def read_run(store: Store, job: str, dag_run_id: str, *, sees_names: bool) -> RunView:
    """Return the page of a run of a job, or of one that had a job's events in hand."""
    job = dag_of(dag_run_id, job)
    members = store.lookup.members_of_run(dag_run_id, limit=MAX_SHOWN)
    names = store.lookup.names([one.member_id for one in members]) if sees_names else {}
    return RunView(
        job=job,
        dag_run_id=dag_run_id,
        run=store.job_runs.get(job, dag_run_id),
        summary=words_of(job, dag_run_id, store=store),
        members=tuple(
            RunMemberLine(
                member_id=one.member_id,
                name=names[one.member_id].name if one.member_id in names else None,
                words=": ".join(filter(None, (words_for(one.outcome), one.reason))),
            )
            for one in members
        ),
        rows=tuple(store.inbox.of_run(dag_run_id)[:MAX_SHOWN]),
    )
