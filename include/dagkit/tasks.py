"""What a task is here: how it gets its collaborators, how it ends, and what it writes of its run."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, cast

import structlog
from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import get_current_context
from airflow.sdk.bases.decorator import task_decorator_factory
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
)

from include.airflow_api.kinds import DRY, is_dry
from include.dagkit.collaborators import Collaborators
from include.dagkit.run_record import RunRecord, TaskAttempt, reason_of
from include.errors import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import BaseOperator

    from include.store import Store
    from include.store.job_runs import RunEnd

log = structlog.get_logger("dagkit")


class JobOperator(_PythonDecoratedOperator):
    """A Python task without templates: what it works on is in the database, and Airflow saves two calls.

    What becomes of its run is recorded in `ops.job_runs`, whatever the task does.
    """

    template_fields = ()
    custom_operator_name = "@job_task"

    def execute(self, context: Any) -> Any:
        """Run the task; write down the run's beginning, end or failure if that is its part."""
        _guard_error_reports()
        with ExitStack() as exit_stack:
            self.runtime = Runtime(context, exit_stack)
            try:
                result = super().execute(context)
            except DownstreamTasksSkipped as skipped:
                self.runtime.record_end(skipped.tasks)
                raise
            except AirflowSkipException:
                self.runtime.record_end()
                raise
            except (Exception, AirflowTaskTimeout) as error:
                self.runtime.record_failure(error)
                raise
            self.runtime.record_end()
            return result


def job_task(**arguments: Any) -> Callable[[Callable[[], object]], Any]:
    """Make a task of a function without arguments: `@job_task(**VENDOR_RETRIES)`."""
    decorator = task_decorator_factory(decorated_operator_class=JobOperator, **arguments)
    return cast("Callable[[Callable[[], object]], Any]", decorator)


def wait_until_named(task_id: str, **arguments: Any) -> BaseOperator:
    """Make a sensor that waits, in the triggerer and without a worker, for the moment that the run's id names.

    That is its last part, after a dot: nothing else of a run stays as it was made, and what a row says by then
    is asked by the next task. A run of another name, started by a person, waits for nothing. No Param may be
    added to a DAG that has such a task: one that does not fit to waiting runs would end the triggerer.
    """
    from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync

    return DateTimeSensorAsync(
        task_id=task_id,
        target_time="{{ run_id.rpartition('.')[2] if run_id.endswith('Z') else dag_run.run_after }}",
        start_from_trigger=True,
        end_from_trigger=True,
        **arguments,
    )


def ask_people(**arguments: Any) -> BaseOperator:
    """Make the task that asks people about dead letters and waits for their answer."""
    from include.dagkit.review_operator import ReviewOperator  # for the one DAG that asks

    return ReviewOperator(task_id="ask_people", **arguments)


class GivenUpError(AirflowFailException):
    """The job says that another try would not help."""


def skip(*task_ids: str, why: str = "") -> NoReturn:
    """End the task well and skip these later ones, without a process for any of them.

    Name each one that is not to run: the run is over when its last task is among them.
    """
    if why:
        log.info("tasks.skipped", tasks=list(task_ids), why=why)
        with runtime() as rt:
            rt.say(why)
    raise DownstreamTasksSkipped(tasks=list(task_ids))  # type: ignore[no-untyped-call]


def give_up(message: str) -> NoReturn:
    """Fail the task, and do not try it again."""
    raise GivenUpError(message)


@contextmanager
def runtime() -> Iterator[Runtime]:
    """Give a task its collaborators; what it used is put away when the task ends."""
    yield cast("JobOperator", get_current_context()["ti"].task).runtime


class Runtime(Collaborators):
    """A task's collaborators, and what it may know of its run."""

    def __init__(self, context: Mapping[str, Any], exit_stack: ExitStack) -> None:
        """Read the context of the running task; `exit_stack` is closed when it ends."""
        super().__init__(exit_stack)
        self.dag_run_id: str = context["run_id"]
        self.params: dict[str, Any] = dict(context["params"])
        self._ti: Any = context["ti"]
        self._run: Any = context["dag_run"]
        self.conf: dict[str, Any] = dict(self._run.conf or {})
        self.is_dry = is_dry(str(self._ti.task.dag_id), self._run.run_type, self.conf)
        if DRY in self.params:
            self.params[DRY] = self.is_dry
        inbox_ids = self.params.get("inbox_ids")
        rows = len(inbox_ids) if isinstance(inbox_ids, list) else None
        self._said: str | None = None
        self._record = RunRecord(self._try(), clock=self.clock, rows=rows)

    @property
    def run_began_at(self) -> datetime:
        """Return when Airflow began (after a clear: began again) the run, from where its time-out counts."""
        began: datetime | None = self._run.start_date
        return began or self.clock.now()

    @property
    def is_first_try(self) -> bool:
        """Tell whether this is the first try since the task was last scheduled or cleared."""
        return self.try_since_clear == 1

    @property
    def try_number(self) -> int:
        """Tell which try of the run this is."""
        return int(self._ti.try_number)

    @property
    def try_since_clear(self) -> int:
        """Tell which try this is since the task was last scheduled or cleared, from 1."""
        return int(self._ti.try_number - self._ti.max_tries + self._ti.task.retries)

    @property
    def is_last_try(self) -> bool:
        """Tell whether Airflow will not try again when this one fails."""
        return bool(self._ti.try_number > self._ti.max_tries)

    @cached_property
    def store(self) -> Store:
        """Connect to Postgres, and begin the run's record if that is this task's part."""
        store = self._connect()
        self._record.begin(store)
        return store

    def count_rows(self, rows: int) -> None:
        """Say how much this run works on, where it is not the inbox rows that it was given."""
        self._record.rows = rows

    def say(self, words: str) -> None:
        """Say what came of the run, for its note: in words, and no address stays in them."""
        only = "Only looked. It would be: " if self.is_dry else ""
        self._said = f"{only}{redact(words)}"

    def record_end(self, skipped: Sequence[str] = ()) -> None:
        """Write that this task ended well and these later ones are skipped, if that says anything of the run.

        Raises when it cannot: the task is tried again, and has nothing left to do but this.
        """
        ended = [self._ti.task.task_id, *skipped]
        if self._record.writes_end(ended):
            end = self._record.end(self.store, ended, said=self._said)
            self._tell_duration(end)
            if end:
                self._note(self.store)
        elif self._said:
            self._record.say(self.store, self._said)

    def record_failure(self, error: BaseException) -> None:
        """Write that the run failed, unless the task will be tried again."""
        if not self.is_last_try and not isinstance(error, AirflowFailException):
            return
        reason = redact(str(error)) if isinstance(error, GivenUpError) else reason_of(error)
        try:
            store = self._connect()
            self._tell_duration(self._record.fail(store, error, reason=reason, said=self._said))
            self._note(store, failure=reason or type(error).__name__)
        except Exception:  # the job's own error must be the one that is seen
            log.warning("job_run.not_recorded", exc_info=True)

    def _note(self, store: Store, *, failure: str | None = None) -> None:
        """Write into the run's note what it did."""
        from include.notify.run_notes import words_of

        job = str(self._ti.task.dag_id)
        words = words_of(job, self.dag_run_id, store=store, failure=failure)
        self.tidy_airflow(lambda tables: tables.note_run(job, self.dag_run_id, words))

    def _tell_duration(self, ended: RunEnd | None) -> None:
        """Send `job.duration` where Airflow sends its own metrics ([metrics] in its configuration)."""
        if ended:
            from airflow.sdk.observability import stats

            tags = {"job": str(self._ti.task.dag_id), "status": str(ended.status)}
            stats.timing("job.duration", timedelta(seconds=ended.seconds), tags=tags)

    def _try(self) -> TaskAttempt:
        """Say where this try stands in its run, among the tasks that are recorded."""
        task = self._ti.task
        recorded = {one.task_id: one for one in task.dag.tasks if isinstance(one, JobOperator)}
        ends = {name for name, one in recorded.items() if not _relatives(one, upstream=False)}
        later = {task.task_id} | {one.task_id for one in _relatives(task, upstream=False)}
        return TaskAttempt(
            job=task.dag_id,
            dag_run_id=self.dag_run_id,
            task=task.task_id,
            number=self._ti.try_number,
            is_first=self.is_first_try,
            begins=not _relatives(task, upstream=True),
            ends=frozenset(ends),
            own_ends=frozenset(ends & later),
            is_dry=self.is_dry,
        )


def _guard_error_reports() -> None:
    """Let Sentry's client send nothing that names a person, where Airflow has loaded it ([sentry])."""
    if "sentry_sdk" in sys.modules:
        import sentry_sdk

        from include.dagkit.error_reports import without_people

        sentry_sdk.get_global_scope().add_event_processor(cast("Any", without_people))


def _relatives(task: Any, *, upstream: bool) -> list[JobOperator]:
    """Return the recorded tasks before or after one."""
    return [one for one in task.get_flat_relatives(upstream) if isinstance(one, JobOperator)]
