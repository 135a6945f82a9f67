"""Where jobs meet Airflow: what every DAG is given, how a task gets its collaborators, how it ends.

Imported by every DAG file and so in every task: nothing heavy is imported here before it is needed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar, cast

import structlog
from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import Param, RetryDecision, RetryPolicy, get_current_context
from airflow.sdk.bases.decorator import task_decorator_factory
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
)

from include.clock import SystemClock
from include.deadlines import RunAfterDeadline
from include.errors import told
from include.run_record import RunRecord, Try, reason_of
from include.settings import load_job_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import BaseOperator
    from slack_sdk import WebClient

    from include.clients.airflow import Airflow
    from include.clients.airflow_command import AirflowCommand
    from include.clients.alert_channels import Account, AlertChannels
    from include.clients.clerk import Clerk
    from include.clients.luma import Luma
    from include.clients.mailchimp import Automation, Journey, Mailchimp
    from include.clients.slack import Slack
    from include.clients.slack_workspace import SlackWorkspace
    from include.clients.stripe import Stripe
    from include.clock import Clock
    from include.jobs.notices import Cause, Links
    from include.settings import JobSettings
    from include.store import Store
    from include.store.airflow_tables import AirflowTables
    from include.store.job_runs import Ended
    from include.store.notices import FailedRun

T = TypeVar("T")

log = structlog.get_logger("dagkit")

TAGS: Final = frozenset({"members", "events", "housekeeping", "watching"})
"""The tags a DAG may have: what it is about."""

VENDOR_RETRIES: Final[dict[str, Any]] = {
    # A vendor's hiccup is over in seconds: pauses of 3-6, 6-12 and 12-24 s (Airflow spreads them) are
    # over within a minute, so all four tries and their time-outs fit into a run's five minutes.
    "retries": 3,
    "retry_delay": timedelta(seconds=3),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=30),
}
BATCH_RETRIES: Final[dict[str, Any]] = {
    # As VENDOR_RETRIES, but what fails a batch for longer than 7-14 s goes to `webhook_retry`, which has half a
    # minute more for it alone, and the others of the batch are done with.
    "retries": 3,
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=10),
}
STORE_RETRIES: Final[dict[str, Any]] = {
    # Only Postgres can fail: a restart of it takes some seconds.
    "retries": 3,
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=30),
}
NO_RETRIES: Final[dict[str, Any]] = {
    # A job that comes again by itself, and does then what this run has left.
    "retries": 0,
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": 0.0,
    "max_retry_delay": None,
}


class PowersOfTwo(RetryPolicy):
    """Pauses of exactly 2, 4, 8 … s after the tries since the task was last cleared: Airflow's own are spread."""

    def __init__(self, retries: int) -> None:
        """Take the task's number of retries."""
        self._retries = retries

    def evaluate(
        self,
        exception: BaseException,  # noqa: ARG002 - whatever failed
        try_number: int,
        max_tries: int,
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return when the next try is due; not whether there is one, that is Airflow's."""
        number = max(1, try_number - (max_tries - self._retries))
        return RetryDecision.retry(delay=timedelta(seconds=2**number))


POWERS_OF_TWO: Final[dict[str, Any]] = {
    # What failed in a batch: five tries within 31 s, the first 1 s after the batch. Should the policy fail,
    # Airflow's own pauses are about as long.
    "retries": 4,
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=30),
    "retry_policy": PowersOfTwo(4),
}
RETRY_SETS: Final = (VENDOR_RETRIES, BATCH_RETRIES, STORE_RETRIES, NO_RETRIES, POWERS_OF_TWO)

INBOX_IDS: Final = Param(
    [],
    type="array",
    items={"type": "integer"},
    title="Inbox rows",
    description="Ids of `ops.inbox`, one per line. Rows that are processed already are passed over.",
)

DEACTIVATION_LEAD: Final = timedelta(seconds=load_job_settings().deactivation_lead_seconds)
"""How long before its moment a run of `member_deactivation` begins to wait in its sensor."""

LUMA_TIMEOUT_SECONDS: Final = 6.0
"""The run has a minute: a last call that first connects and then waits must fit into what its budget leaves."""

PRELOAD: Final = (
    # What tasks import, for an executor that imports it once, before it forks.
    "include.jobs.mailchimp_sync",
    "include.jobs.luma_auto_approval",
    "include.jobs.member_deactivation",
    "include.jobs.webhook_retry",
    "include.jobs.alert_rules",
    "include.alerts.rules",
    "include.clients.clerk",
    "include.clients.luma",
    "include.clients.mailchimp",
    "include.clients.stripe",
    "include.store",
    "airflow.providers.http.hooks.http",
    "airflow.providers.standard.sensors.date_time",
    "airflow.providers.postgres.hooks.postgres",
    # Stripe's package imports these with the first call and the first answer of each kind.
    "stripe._stripe_client",
    "stripe._v1_services",
    "stripe._customer_service",
    "stripe._subscription_service",
    "stripe._object_classes",
    "stripe._customer",
    "stripe._subscription",
    "stripe._subscription_item",
    "stripe._price",
    "stripe._plan",
)


def options(
    doc: str | None,
    *,
    timeout: timedelta,
    max_active_runs: int,
    sla: timedelta | None = None,
) -> dict[str, Any]:
    """Return what every DAG is given: its docstring as documentation, limits, a word to Slack, no XCom.

    A run that is not over when `sla` (without one: `timeout`) has passed since it was to start is told to Slack.
    """
    return {
        "doc_md": doc,
        "catchup": False,  # and no start_date: a DAG that is new waits for its next tick, and does not run at once
        "is_paused_upon_creation": False,  # a paused DAG keeps its webhooks waiting
        "dagrun_timeout": timeout,
        "max_active_runs": max_active_runs,
        "on_failure_callback": report_failure,
        "deadline": DeadlineAlert(
            name="sla",
            reference=RunAfterDeadline(),
            interval=sla or timeout,
            callback=AsyncCallback(report_late),
        ),
        "default_args": {"do_xcom_push": False},
    }


class JobOperator(_PythonDecoratedOperator):
    """A Python task without templates: what it works on is in the database, and Airflow saves two calls.

    What becomes of its run is recorded in `ops.job_runs`, whatever the task does.
    """

    template_fields = ()
    custom_operator_name = "@job_task"

    def execute(self, context: Any) -> Any:
        """Run the task; write down the run's beginning, end or failure if that is its part."""
        _guard_error_reports()
        with ExitStack() as leftovers:
            self.runtime = Runtime(context, leftovers)
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


def job_task(**arguments: Any) -> Callable[[Callable[[], None]], Any]:
    """Make a task of a function without arguments: `@job_task(**VENDOR_RETRIES)`."""
    decorator = task_decorator_factory(decorated_operator_class=JobOperator, **arguments)
    return cast("Callable[[Callable[[], None]], Any]", decorator)


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
    from include.review_operator import ReviewOperator  # for the one DAG that asks

    return ReviewOperator(task_id="ask_people", **arguments)


class GivenUpError(AirflowFailException):
    """The job says that another try would not help."""


def skip(*task_ids: str, why: str = "") -> NoReturn:
    """End the task well and skip these later ones, without a process for any of them.

    Name each one that is not to run: the run is over when its last task is among them.
    """
    if why:
        log.info("tasks.skipped", tasks=list(task_ids), why=why)
    raise DownstreamTasksSkipped(tasks=list(task_ids))  # type: ignore[no-untyped-call]


def give_up(message: str) -> NoReturn:
    """Fail the task, and do not try it again."""
    raise GivenUpError(message)


def report_failure(context: Mapping[str, Any]) -> None:
    """Tell people that a run failed: the callback of every DAG.

    Airflow calls it in the Dag processor, at most once, and with more or less of a context. Where it is lost,
    `reconciliation` finds the run. The failure is noted before anything is sent: Slack may be down.
    """
    from include.jobs import notices

    with ExitStack() as leftovers:
        kit = Collaborators(leftovers)
        run, cause = _failure_from(context, kit.clock)
        kit.store.job_runs.fail(
            run.job,
            run.dag_run_id,
            error_class=context.get("reason"),  # Airflow's: task_failure, timed_out …
            reason=None,
            now=run.failed_at,
            started_at=getattr(context.get("dag_run"), "start_date", None),
        )
        notices.note_failure(run, cause, store=kit.store, clock=kit.clock)
        kit.send_notices()


async def report_late(context: Mapping[str, Any]) -> None:
    """Tell people that a run is not over in time: the callback of every DAG's deadline.

    Airflow calls it in the triggerer, at most once. (A callback in the executor may not read connections in 3.3.2,
    apache/airflow#66141.) It also calls for runs that failed long ago (apache/airflow#60927): those have been told.
    """
    from include.jobs import notices
    from include.store.notices import FailedRun

    dag_run = context["dag_run"]
    if dag_run["state"] not in ("queued", "running"):
        return
    with ExitStack() as leftovers:
        kit = Collaborators(leftovers)
        run = FailedRun(
            job=dag_run["dag_id"], dag_run_id=dag_run["dag_run_id"], failed_at=kit.clock.now()
        )
        # Connections can be asked for on the triggerer's loop only; whatever waits for somebody leaves it.
        parts: dict[str, Any] = {"store": kit.store, "clock": kit.clock}
        late = notices.Cause(why=notices.LATE)
        await asyncio.to_thread(notices.note_failure, run, late, **parts)
        parts |= {"slack": kit.connect_slack(), "links": kit.links}
        await asyncio.to_thread(notices.send_due, **parts)


def _failure_from(context: Mapping[str, Any], clock: Clock) -> tuple[FailedRun, Cause]:
    """Read what there is of a Dag callback's context: it has a task and times only where a task was the last."""
    from include.jobs.notices import Cause
    from include.store.notices import FailedRun

    dag, ti = context.get("dag"), context.get("ti")
    ended_at = getattr(context.get("dag_run"), "end_date", None)
    run = FailedRun(
        job=str(getattr(dag, "dag_id", "unknown")),
        dag_run_id=str(context.get("run_id", "unknown")),
        failed_at=ended_at or clock.now(),
    )
    return run, Cause(
        why=context.get("reason"),
        task=getattr(ti, "task_id", None),
        try_number=getattr(ti, "try_number", None),
    )


@contextmanager
def runtime() -> Iterator[Runtime]:
    """Give a task its collaborators; what it used is put away when the task ends."""
    yield cast("JobOperator", get_current_context()["ti"].task).runtime


class Collaborators:
    """What a task or a callback works with, each made when it is first used."""

    def __init__(self, leftovers: ExitStack) -> None:
        """Make nothing yet; what is opened is put away with `leftovers`."""
        self._leftovers = leftovers
        self.clock: Clock = SystemClock()

    def send_notices(self) -> None:
        """Send what people are to be told and have not been; a Slack that is down is waited for."""
        from include.jobs import notices

        notices.send_due(store=self.store, slack=self.slack, links=self.links, clock=self.clock)

    @property
    def links(self) -> Links:
        """Return where Airflow's UI and the runbooks are."""
        from airflow.sdk.configuration import conf

        from include.jobs.notices import Links

        url = conf.get("api", "base_url", fallback="http://localhost:8080")
        return Links(airflow_url=url, runbook_url=self.settings.runbook_url)

    @cached_property
    def settings(self) -> JobSettings:
        """Return what is set from outside."""
        return load_job_settings()

    @cached_property
    def store(self) -> Store:
        """Connect to Postgres through the provider's hook (connection `ops_postgres`)."""
        return self._connect()

    def _connect(self) -> Store:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        from include.store import Store

        store = Store(cast("Any", PostgresHook("ops_postgres").get_conn()))
        self._leftovers.callback(store.close)
        return store

    @cached_property
    def stripe(self) -> Stripe:
        """Return a client that fetches its connection (`stripe`) with its first call."""
        return cast("Stripe", _Lazy(self._connect_stripe))

    @cached_property
    def clerk(self) -> Clerk:
        """Return a client that fetches its connection (`clerk`) with its first call."""
        return cast("Clerk", _Lazy(self._connect_clerk))

    @cached_property
    def mailchimp(self) -> Mailchimp:
        """Return a client that fetches its connection (`mailchimp`) with its first call."""
        return cast("Mailchimp", _Lazy(self._connect_mailchimp))

    @cached_property
    def luma(self) -> Luma:
        """Return a client that fetches its connection (`luma`) with its first call."""
        return cast("Luma", _Lazy(self._connect_luma))

    @cached_property
    def airflow(self) -> Airflow:
        """Return a session with Airflow's REST API, of the small user in the connection `airflow`."""
        from pydantic import SecretStr

        from include.clients.airflow import Airflow

        connection = BaseHook.get_connection("airflow")
        airflow = Airflow(
            url=connection.host or "",
            username=connection.login or "",
            password=SecretStr(connection.password or ""),
        )
        self._leftovers.callback(airflow.close)
        return airflow

    @cached_property
    def airflow_tables(self) -> AirflowTables:
        """Connect to Airflow's own database (connection `airflow_postgres`), to look only."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        from include.store.airflow_tables import AirflowTables

        connection = cast("Any", PostgresHook("airflow_postgres").get_conn())
        self._leftovers.callback(connection.close)
        return AirflowTables(connection)

    @cached_property
    def airflow_command(self) -> AirflowCommand:
        """Return what runs Airflow's own command against its database (connection `airflow_postgres`)."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        from include.clients.airflow_command import AirflowCommand

        url = PostgresHook("airflow_postgres").sqlalchemy_url.set(drivername="postgresql+psycopg2")
        return AirflowCommand(
            os.environ,  # noqa: TID251 - handed on, not read
            database_url=url.render_as_string(hide_password=False),
        )

    @cached_property
    def slack(self) -> Slack:
        """Return a client that fetches its connection (`slack`) with its first call."""
        return cast("Slack", _Lazy(self.connect_slack))

    @cached_property
    def slack_workspace(self) -> SlackWorkspace:
        """Return a client that fetches its connections (`slack`, `slack_admin`) with its first call."""
        return cast("SlackWorkspace", _Lazy(self._connect_slack_workspace))

    @cached_property
    def slack_extra(self) -> dict[str, Any]:
        """Return the extras of Slack's connection: where messages go, and where members are."""
        return dict(BaseHook.get_connection("slack").extra_dejson)

    @cached_property
    def alert_channels(self) -> AlertChannels:
        """Return the channels of alerts; each fetches its connection with its first message."""
        from include.clients.alert_channels import AlertChannels

        return AlertChannels(
            account=_account,
            slack=self._alert_slack,
            source=self.links.airflow_url,
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

    def _alert_slack(self) -> Slack:
        _account("slack")  # LookupError where it is not set up
        return self.connect_slack()

    def _connect_stripe(self) -> Stripe:
        from include.clients.stripe import Stripe

        connection = BaseHook.get_connection("stripe")
        return Stripe(
            connection.password or "",
            base_url=connection.host or "",
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

    def _connect_clerk(self) -> Clerk:
        from airflow.providers.http.hooks.http import HttpHook

        from include.clients.clerk import Clerk

        hook = HttpHook("GET", "clerk")
        session = self._leftovers.enter_context(hook.get_conn())
        return Clerk(
            session,
            api_key=hook.get_connection("clerk").password or "",
            base_url=hook.base_url,
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

    def _connect_luma(self) -> Luma:
        from airflow.providers.http.hooks.http import HttpHook

        from include.clients.luma import Luma

        hook = HttpHook("GET", "luma")
        session = self._leftovers.enter_context(hook.get_conn())
        return Luma(
            session,
            api_key=hook.get_connection("luma").password or "",
            base_url=hook.base_url,
            timeout_seconds=min(self.settings.vendor_timeout_seconds, LUMA_TIMEOUT_SECONDS),
            routes=self.settings.luma_routes,
        )

    def _connect_mailchimp(self) -> Mailchimp:
        from include.clients.mailchimp import Mailchimp

        connection = BaseHook.get_connection("mailchimp")
        extra = connection.extra_dejson
        return Mailchimp(
            connection.password or "",
            base_url=connection.host or "",
            list_id=str(extra.get("list_id", "")),
            timeout_seconds=self.settings.vendor_timeout_seconds,
            welcome=_welcome_from(extra, self.settings.welcome),
        )

    def connect_slack(self) -> Slack:
        """Return a client, with its connection fetched now."""
        from include.clients.slack import Slack

        return Slack(
            self._slack_client("slack"),
            ops_channel=str(self.slack_extra.get("ops_channel", "")),
            staff_channel=str(self.slack_extra.get("staff_channel", "")),
        )

    def _connect_slack_workspace(self) -> SlackWorkspace:
        from include.clients.slack_workspace import SlackWorkspace

        needs_admin = bool(self.slack_extra.get("profile_field"))
        admin = self._slack_client("slack_admin") if needs_admin else None
        return SlackWorkspace(self._slack_client("slack"), admin)

    def _slack_client(self, connection: str) -> WebClient:
        from airflow.providers.slack.hooks.slack import SlackHook

        from include.clients.slack import QUIET

        return SlackHook(
            slack_conn_id=connection,
            timeout=round(self.settings.vendor_timeout_seconds),
            retry_handlers=[],  # the package would send a message twice whose answer was lost
            logger=QUIET,
        ).client


class Runtime(Collaborators):
    """A task's collaborators, and what it may know of its run."""

    def __init__(self, context: Mapping[str, Any], leftovers: ExitStack) -> None:
        """Read the context of the running task; `leftovers` is closed when it ends."""
        super().__init__(leftovers)
        self.dag_run_id: str = context["run_id"]
        self.params: dict[str, Any] = dict(context["params"])
        self._ti: Any = context["ti"]
        self._run: Any = context["dag_run"]
        self.conf: dict[str, Any] = dict(self._run.conf or {})
        inbox_ids = self.params.get("inbox_ids")
        rows = len(inbox_ids) if isinstance(inbox_ids, list) else None
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

    def record_end(self, skipped: Sequence[str] = ()) -> None:
        """Write that this task ended well and these later ones are skipped, if that says anything of the run.

        Raises when it cannot: the task is tried again, and has nothing left to do but this.
        """
        ended = [self._ti.task.task_id, *skipped]
        if self._record.writes_end(ended):
            self._tell_duration(self._record.end(self.store, ended))

    def record_failure(self, error: BaseException) -> None:
        """Write that the run failed, unless the task will be tried again."""
        if not self.is_last_try and not isinstance(error, AirflowFailException):
            return
        reason = told(str(error)) if isinstance(error, GivenUpError) else reason_of(error)
        try:
            self._tell_duration(self._record.fail(self._connect(), error, reason=reason))
        except Exception:  # the job's own error must be the one that is seen
            log.warning("job_run.not_recorded", exc_info=True)

    def _tell_duration(self, ended: Ended | None) -> None:
        """Send `job.duration` where Airflow sends its own metrics ([metrics] in its configuration)."""
        if ended:
            from airflow.sdk.observability import stats

            tags = {"job": str(self._ti.task.dag_id), "status": str(ended.status)}
            stats.timing("job.duration", timedelta(seconds=ended.seconds), tags=tags)

    def _try(self) -> Try:
        """Say where this try stands in its run, among the tasks that are recorded."""
        task = self._ti.task
        recorded = {one.task_id: one for one in task.dag.tasks if isinstance(one, JobOperator)}
        ends = {name for name, one in recorded.items() if not _relatives(one, upstream=False)}
        later = {task.task_id} | {one.task_id for one in _relatives(task, upstream=False)}
        return Try(
            job=task.dag_id,
            dag_run_id=self.dag_run_id,
            number=self._ti.try_number,
            is_first=self.is_first_try,
            begins=not _relatives(task, upstream=True),
            ends=frozenset(ends),
            own_ends=frozenset(ends & later),
        )


def _guard_error_reports() -> None:
    """Let Sentry's client send nothing that names a person, where Airflow has loaded it ([sentry])."""
    if "sentry_sdk" in sys.modules:
        import sentry_sdk

        from include.error_reports import without_people

        sentry_sdk.get_global_scope().add_event_processor(cast("Any", without_people))


def _account(name: str) -> Account:
    """Return what a connection says; LookupError where there is none of that name."""
    from include.clients.alert_channels import Account

    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException as error:
        raise LookupError(name) from error
    return Account(
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        extra=found.extra_dejson,
    )


def _relatives(task: Any, *, upstream: bool) -> list[JobOperator]:
    """Return the recorded tasks before or after one."""
    return [one for one in task.get_flat_relatives(upstream) if isinstance(one, JobOperator)]


def _welcome_from(extra: dict[str, Any], kind: str) -> Journey | Automation | None:
    """Return what welcomes a new member, from the extras of Mailchimp's connection."""
    from include.clients.mailchimp import Automation, Journey

    if kind == "journey":
        return Journey(journey_id=int(extra["journey_id"]), step_id=int(extra["journey_step_id"]))
    if kind == "automation":
        return Automation(
            workflow_id=str(extra["workflow_id"]), email_id=str(extra["workflow_email_id"])
        )
    return None


class _Lazy(Generic[T]):
    """Stands in for an object that is made when something of it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> T:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)
