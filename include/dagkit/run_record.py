"""What a task writes about its run into `ops.job_runs`: its beginning, its end, its failure.

Most tasks write nothing. The first task of a run begins it, and so does one that a person has cleared; a
try after the first is counted; the last task ends it, in one statement over the connection that is open
anyway. A process that is killed writes nothing: its run is closed by the reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.errors import OpsError, redact

if TYPE_CHECKING:
    from collections.abc import Collection

    from include.clock import Clock
    from include.store import Store
    from include.store.job_runs import RunEnd


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskAttempt:
    """One try of a task, and where its task stands in the run."""

    job: str
    dag_run_id: str
    task: str
    number: int  # counts on when the task is cleared
    is_first: bool  # since the task was last scheduled or cleared
    begins: bool  # no recorded task comes before it
    ends: frozenset[str]  # the run's last tasks
    own_ends: frozenset[str]  # those of them that come after this one, or are it
    is_dry: bool = False  # the run only looks


class RunRecord:
    """The record of one try; each part is written once."""

    def __init__(self, task: TaskAttempt, *, clock: Clock, rows: int | None) -> None:
        """Know the try; `rows` is what the run works on, as far as its start tells."""
        self._try = task
        self._clock = clock
        self._has_begun = False
        self.rows = rows
        self._told_rows = rows

    def begin(self, store: Store) -> None:
        """Begin the run if it is this try's part; again it does nothing."""
        if self._has_begun:
            return
        self._has_begun = True
        task, now = self._try, self._clock.now()
        is_cleared = task.number > 1 and task.is_first
        if is_cleared or (task.begins and task.is_first):
            ends = task.ends if task.begins else task.own_ends
            store.job_runs.open(
                task.job,
                task.dag_run_id,
                ends=ends,
                own_ends=task.own_ends,
                rows=self.rows,
                tries=task.number,
                is_dry=task.is_dry,
                now=now,
            )
        elif task.number > 1:
            store.job_runs.try_again(
                task.job,
                task.dag_run_id,
                ends=task.ends,
                rows=self.rows,
                tries=task.number,
                is_dry=task.is_dry,
                now=now,
            )

    def writes_end(self, ended: Collection[str]) -> bool:
        """Tell whether there is anything to write when these tasks have ended well."""
        task = self._try
        begins = not self._has_begun and (task.begins or task.number > 1)
        return begins or self.rows != self._told_rows or bool(task.ends.intersection(ended))

    def say(self, store: Store, words: str) -> None:
        """Write down what this task says of the run."""
        self.begin(store)
        store.job_runs.say(self._try.job, self._try.dag_run_id, self._try.task, words)

    def end(
        self, store: Store, ended: Collection[str], *, said: str | None = None
    ) -> RunEnd | None:
        """Write that these tasks have ended well, and what this one says; return the run's end if it is over."""
        self.begin(store)
        if said:
            self.say(store, said)
        task, rows = self._try, self.rows if self.rows != self._told_rows else None
        ends = task.ends.intersection(ended)
        if ends:
            return store.job_runs.end_tasks(
                task.job, task.dag_run_id, ends=ends, rows=rows, now=self._clock.now()
            )
        if rows is not None:
            store.job_runs.count_rows(task.job, task.dag_run_id, rows)
        return None

    def fail(
        self, store: Store, error: BaseException, *, reason: str | None, said: str | None = None
    ) -> RunEnd | None:
        """Write that this try was the last one and failed; return the run's end."""
        self.begin(store)
        if said:
            self.say(store, said)
        return store.job_runs.fail(
            self._try.job,
            self._try.dag_run_id,
            error_class=type(error).__name__,
            reason=reason,
            is_dry=self._try.is_dry,
            now=self._clock.now(),
            ended_too=True,
        )


def reason_of(error: BaseException) -> str | None:
    """Return the text of an error of ours; None for others, which may quote anything."""
    return redact(str(error)) if isinstance(error, OpsError) else None
