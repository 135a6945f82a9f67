"""What a task or a callback works with: each part made when it is first used, from Airflow's connections."""

from __future__ import annotations

import os
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
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
    from include.dagkit.alert_channels import AlertChannels
    from include.links import Links
    from include.settings import JobSettings
    from include.store import Store
    from include.store.airflow_tables import AirflowTables
    from include.vendors.clerk.client import Clerk
    from include.vendors.mailchimp.client import Mailchimp
    from include.vendors.manifest import HttpAccount, VendorAccess, VendorAccount
    from include.vendors.slack.client import Slack
    from include.vendors.slack.workspace import SlackWorkspace
    from include.vendors.stripe.client import Stripe

T = TypeVar("T")

log = structlog.get_logger("dagkit")

MAX_IDLE_SECONDS: Final = 330.0
"""A task that works with a vendor inside a transaction is over before: a run has five minutes."""


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
        except AirflowNotFoundException:
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
    def airflow_url(self) -> str:
        """Return where Airflow's UI is."""
        return str(conf.get("api", "base_url", fallback="http://localhost:8080"))

    @property
    def links(self) -> Links:
        """Return where Airflow's UI and the runbooks are, and how people write `ops` here."""
        from include.links import Links

        return Links(
            airflow_url=self.airflow_url,
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
    def vendors(self) -> VendorClients:
        """Return the vendors' clients by name, each of which fetches its connection with its first call."""
        return VendorClients(lambda: self.access)

    @cached_property
    def access(self) -> VendorAccess:
        """Return what vendors' clients are made of: Airflow's connections, through the providers' hooks."""
        from include.vendors.manifest import VendorAccess

        return VendorAccess(
            settings=self.settings,
            airflow_url=self.airflow_url,
            account=account_of,
            http=self._http_account,
            slack_client=self._slack_client,
        )

    def _http_account(self, connection: str) -> HttpAccount:
        from airflow.providers.http.hooks.http import HttpHook

        hook = HttpHook("GET", connection)
        return {
            "session": self._exit_stack.enter_context(hook.get_conn()),
            "api_key": hook.get_connection(connection).password or "",
            "base_url": hook.base_url,
            "timeout_seconds": self.settings.vendor_timeout_seconds,
        }

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
        part = "include.vendors.slack.workspace"
        return cast("SlackWorkspace", _Lazy(lambda: import_module(part).connect(self.access)))

    @cached_property
    def slack_extra(self) -> dict[str, Any]:
        """Return the extras of Slack's connection: where messages go, and where members are."""
        return dict(BaseHook.get_connection("slack").extra_dejson)

    @cached_property
    def alert_channels(self) -> AlertChannels:
        """Return the channels of alerts; each fetches its connection with its first message."""
        from include.dagkit.alert_channels import AlertChannels

        return AlertChannels(self.access)

    def connect_slack(self) -> Slack:
        """Return a client, with its connection fetched now."""
        from include.vendors.slack import client

        return client.connect(self.access)

    def _slack_client(self, connection: str) -> tuple[WebClient, dict[str, Any]]:
        from airflow.providers.slack.hooks.slack import SlackHook

        from include.vendors.slack.client import QUIET

        found = BaseHook.get_connection(connection)

        class HookOfFound(SlackHook):
            """The provider's hook with its connection, which it would fetch once more."""

            @classmethod
            def get_connection(cls, conn_id: str) -> Any:  # noqa: ARG003 - it is that one
                return found

        client = HookOfFound(
            slack_conn_id=connection,
            timeout=round(self.settings.vendor_timeout_seconds),
            retry_handlers=[],  # the package would send a message twice whose answer was lost
            logger=QUIET,
        ).client
        return client, found.extra_dejson


def account_of(connection: str) -> VendorAccount:
    """Return what a connection says; AirflowNotFoundException where there is none of that name."""
    from include.vendors.manifest import VendorAccount

    found = BaseHook.get_connection(connection)
    return VendorAccount(
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        extra=found.extra_dejson,
    )


class VendorClients:
    """The client of each vendor whose folder has one for jobs, by the vendor's name; typed where all jobs need it."""

    clerk: Clerk
    mailchimp: Mailchimp
    stripe: Stripe

    def __init__(self, access: Callable[[], VendorAccess]) -> None:
        """Make nothing yet."""
        self._access = access

    def __getattr__(self, name: str) -> Any:
        """Return a client that is made with its first call, without a look at other vendors' folders."""
        if find_spec(f"include.vendors.{name}") is None:
            raise AttributeError(f"no folder of include/vendors is called {name}")
        part = f"include.vendors.{name}.client"
        client = _Lazy(lambda: import_module(part).connect(self._access()))
        setattr(self, name, client)
        return client


class _Lazy(Generic[T]):
    """Stands in for an object that is made when something of it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> T:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)
