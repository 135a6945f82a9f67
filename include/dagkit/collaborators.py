"""What a task or a callback works with: each part made when it is first used, from Airflow's connections."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import structlog
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from include.clock import SystemClock
from include.errors import OpsError
from include.settings import load_job_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from slack_sdk import WebClient

    from include.airflow_api.client import AirflowClient
    from include.airflow_api.command import AirflowCommand
    from include.clock import Clock
    from include.notify.texts import Links
    from include.settings import JobSettings
    from include.store import Store
    from include.store.airflow_tables import AirflowTables
    from include.vendors.alert_channels import AlertChannels, ChannelAccount
    from include.vendors.clerk.client import Clerk
    from include.vendors.luma.client import Luma
    from include.vendors.mailchimp.client import Automation, Journey, Mailchimp
    from include.vendors.slack.client import Slack
    from include.vendors.slack.workspace import SlackWorkspace
    from include.vendors.stripe.client import Stripe

T = TypeVar("T")

log = structlog.get_logger("dagkit")

MAX_IDLE_SECONDS: Final = 330.0
"""A task that works with a vendor inside a transaction is over before: a run has five minutes."""

LUMA_TIMEOUT_SECONDS: Final = 6.0
"""The run has a minute: a last call that first connects and then waits must fit into what its budget leaves."""


class Collaborators:
    """What a task or a callback works with, each made when it is first used."""

    def __init__(self, exit_stack: ExitStack) -> None:
        """Make nothing yet; what is opened is put away with `exit_stack`."""
        self._exit_stack = exit_stack
        self.clock: Clock = SystemClock()

    def uses(self, vendor: str) -> bool:
        """Tell whether a vendor is used that can be done without: its connection is defined."""
        try:
            account_of(vendor)
        except LookupError:
            return False
        return True

    def send_notices(self) -> None:
        """Send what people are to be told and have not been; a Slack that is down is waited for."""
        from include.notify.outbox import send_due

        if not self.uses("slack"):
            return  # they stay in the database, where `status` and the dead letters show the same
        send_due(store=self.store, slack=self.slack, links=self.links, clock=self.clock)

    def tell_people(self) -> None:
        """Send it from a task, which must not fail by that: what is not sent now is sent within a minute."""
        try:
            self.send_notices()
        except (AirflowException, OSError, OpsError) as error:
            log.warning("notices.not_sent", problem=type(error).__name__)

    def tidy_airflow(self, act: Callable[[AirflowTables], None]) -> None:
        """Do to Airflow's tables what is better done, and nothing depends on."""
        import psycopg

        try:
            act(self.airflow_tables)
        except (AirflowException, OSError, psycopg.Error) as error:
            log.warning("airflow.not_tidied", problem=type(error).__name__)

    @property
    def links(self) -> Links:
        """Return where Airflow's UI and the runbooks are, and how people write `ops` here."""
        from airflow.sdk.configuration import conf

        from include.notify.texts import Links

        url = conf.get("api", "base_url", fallback="http://localhost:8080")
        return Links(
            airflow_url=url,
            runbook_url=self.settings.runbook_url,
            command=self.settings.command,
        )

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
        self._exit_stack.callback(store.close)
        store.limit_idle_transactions(seconds=MAX_IDLE_SECONDS)
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
    def airflow(self) -> AirflowClient:
        """Return a session with Airflow's REST API, of the small user in the connection `airflow`."""
        from pydantic import SecretStr

        from include.airflow_api.client import AirflowClient

        connection = BaseHook.get_connection("airflow")
        airflow = AirflowClient(
            url=connection.host or "",
            username=connection.login or "",
            password=SecretStr(connection.password or ""),
        )
        self._exit_stack.callback(airflow.close)
        return airflow

    @cached_property
    def airflow_tables(self) -> AirflowTables:
        """Connect to Airflow's own database (connection `airflow_postgres`), to look only."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        from include.store.airflow_tables import AirflowTables

        connection = cast("Any", PostgresHook("airflow_postgres").get_conn())
        self._exit_stack.callback(connection.close)
        return AirflowTables(connection)

    @property
    def log_folder(self) -> Path:
        """Where Airflow keeps the files of its logs."""
        return Path(conf.get("logging", "base_log_folder"))

    @cached_property
    def airflow_command(self) -> AirflowCommand:
        """Return what runs Airflow's own command against its database (connection `airflow_postgres`)."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        from include.airflow_api.command import AirflowCommand

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
        from include.vendors.alert_channels import AlertChannels

        return AlertChannels(
            account=account_of,
            slack=self._alert_slack,
            source=self.links.airflow_url,
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

    def _alert_slack(self) -> Slack:
        account_of("slack")  # LookupError where it is not set up
        return self.connect_slack()

    def _connect_stripe(self) -> Stripe:
        from include.vendors.stripe.client import Stripe

        connection = BaseHook.get_connection("stripe")
        return Stripe(
            connection.password or "",
            base_url=connection.host or "",
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

    def _connect_clerk(self) -> Clerk:
        from airflow.providers.http.hooks.http import HttpHook

        from include.vendors.clerk.client import Clerk

        hook = HttpHook("GET", "clerk")
        session = self._exit_stack.enter_context(hook.get_conn())
        return Clerk(
            session,
            api_key=hook.get_connection("clerk").password or "",
            base_url=hook.base_url,
            timeout_seconds=self.settings.vendor_timeout_seconds,
        )

    def _connect_luma(self) -> Luma:
        from airflow.providers.http.hooks.http import HttpHook

        from include.vendors.luma.client import Luma

        hook = HttpHook("GET", "luma")
        session = self._exit_stack.enter_context(hook.get_conn())
        return Luma(
            session,
            api_key=hook.get_connection("luma").password or "",
            base_url=hook.base_url,
            timeout_seconds=min(self.settings.vendor_timeout_seconds, LUMA_TIMEOUT_SECONDS),
            routes=self.settings.luma_routes,
        )

    def _connect_mailchimp(self) -> Mailchimp:
        from include.vendors.mailchimp.client import Mailchimp

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
        return self.connect_slack_as("slack")

    def connect_slack_as(self, connection: str) -> Slack:
        """Return a client that calls with the token of this connection."""
        from include.vendors.slack.client import Slack

        return Slack(
            self._slack_client(connection),
            ops_channel=str(self.slack_extra.get("ops_channel", "")),
            staff_channel=str(self.slack_extra.get("staff_channel", "")),
            has_buttons=bool(self.slack_extra.get("buttons")),
        )

    def _connect_slack_workspace(self) -> SlackWorkspace:
        from include.vendors.slack.workspace import SlackWorkspace

        needs_admin = bool(self.slack_extra.get("profile_field"))
        admin = self._slack_client("slack_admin") if needs_admin else None
        return SlackWorkspace(self._slack_client("slack"), admin)

    def _slack_client(self, connection: str) -> WebClient:
        from airflow.providers.slack.hooks.slack import SlackHook

        from include.vendors.slack.client import QUIET

        return SlackHook(
            slack_conn_id=connection,
            timeout=round(self.settings.vendor_timeout_seconds),
            retry_handlers=[],  # the package would send a message twice whose answer was lost
            logger=QUIET,
        ).client


def account_of(name: str) -> ChannelAccount:
    """Return what a connection says; LookupError where there is none of that name."""
    from include.vendors.alert_channels import ChannelAccount

    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException as error:
        raise LookupError(name) from error
    return ChannelAccount(
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        extra=found.extra_dejson,
    )


def _welcome_from(extra: dict[str, Any], kind: str) -> Journey | Automation | None:
    """Return what welcomes a new member, from the extras of Mailchimp's connection."""
    from include.vendors.mailchimp.client import Automation, Journey

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
