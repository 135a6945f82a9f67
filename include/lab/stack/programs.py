"""The processes of the stack: how each is started and with which environment.

A process is given what it needs and nothing else: only the relay has the webhook secrets and
its Airflow password, only Airflow and the sandbox have the vendors' keys. Airflow's connections are in its
environment, as in production.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.airflow_host.processes import AIRFLOW, HAS_FORK_SERVER
from include.lab.stack import airflow_config, airflow_settings, postgres
from include.lab.stack.family import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.airflow_host.processes import Process
    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack

LONGEST_STOP_SECONDS = 20  # nobody at a terminal waits longer: what is cut off is tried again

SLACK_OWNER = "U0OWNER0001"  # who owns the sandbox's workspace: she may acknowledge alerts there

# Set by a shell for other projects; Airflow's own variables would point to another installation.
NOT_INHERITED = ("AIRFLOW", "PYTHON", "OPS_DATABASE_URL", "OPS_AIRFLOW_DATABASE_URL", "VIRTUAL_ENV")
TELEMETRY = (
    "AIRFLOW__METRICS__",
    "AIRFLOW__TRACES__",
    "AIRFLOW__SENTRY__",
)  # but for whom it tells


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process; `stop_signal` goes to it alone unless it also has children that need it."""

    name: str
    command: Callable[[Layout, Stack], list[str]]
    environment: Callable[[Layout, Stack], dict[str, str]]
    stop_signal: str = "TERM"
    stop_group: bool = True
    stop_seconds: int = 10  # then it is killed; a run goes on after the next start


def base_environment(inherited: Mapping[str, str], layout: Layout, stack: Stack) -> dict[str, str]:
    """Return what every process of the stack has in its environment."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name.startswith(TELEMETRY) or not name.startswith(NOT_INHERITED)
    }
    return {
        **kept,
        MARKER: stack.id,
        "SPT_NOENV": "1",  # setproctitle overwrites the environment that others can read otherwise
        "PYTHONPATH": str(layout.root),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }


def airflow_environment(layout: Layout, stack: Stack) -> dict[str, str]:
    """Return the environment of Airflow's processes and of what prepares its database."""
    secrets = airflow_config.AirflowSecrets(
        fernet_key=stack.fernet_key,
        jwt_secret=stack.jwt_secret,
        secret_key=stack.api_secret_key,
    )
    airflow = airflow_config.environment(
        checkout=layout.root,
        home=layout.airflow_home,
        database_dsn=stack.airflow_database_url,
        port=stack.ports.airflow,
        secrets=secrets,
    )
    ours = {
        "OPS_DATABASE_URL": stack.database_url,
        "OPS_ALERT_SIGNAL_URL": stack.alert_signal_url,
    }
    file = airflow_settings.read(layout.root / "airflow_settings.yaml")
    return {**airflow, **ours, **airflow_settings.for_stack(file, stack).environment()}


def _relay_environment(_layout: Layout, stack: Stack) -> dict[str, str]:
    return {
        "OPS_DATABASE_URL": stack.database_url,
        "OPS_RELAY_PORT": str(stack.ports.relay),
        "OPS_STRIPE_WEBHOOK_SECRETS": stack.stripe_webhook_secret,
        "OPS_CLERK_WEBHOOK_SECRETS": stack.clerk_webhook_secret,
        "OPS_SLACK_SIGNING_SECRETS": stack.slack_signing_secret,
        "OPS_SLACK_OPERATORS": SLACK_OWNER,
        "OPS_AIRFLOW_URL": stack.airflow_url,
        "OPS_AIRFLOW_USERNAME": "relay",
        "OPS_AIRFLOW_PASSWORD": stack.relay_password,
    }


def ops_environment(inherited: Mapping[str, str], layout: Layout, stack: Stack) -> dict[str, str]:
    """Return what `ops` has: a worker's and the relay's, and what lets connections be read as a server does."""
    return {
        **base_environment(inherited, layout, stack),
        **airflow_environment(layout, stack),
        **_relay_environment(layout, stack),
        "OPS_AIRFLOW_ADMIN_PASSWORD": stack.admin_password,
        "OPS_AIRFLOW_DATABASE_URL": stack.airflow_database_url,
        "OPS_RELAY_URLS": stack.relay_url,
        "OPS_SANDBOX_URL": stack.sandbox_url,
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }


def _sandbox_environment(_layout: Layout, stack: Stack) -> dict[str, str]:
    return {
        "OPS_SANDBOX_PORT": str(stack.ports.sandbox),
        "OPS_SANDBOX_RELAY_URL": stack.relay_url,
        "OPS_SANDBOX_STRIPE_WEBHOOK_SECRETS": stack.stripe_webhook_secret,
        "OPS_SANDBOX_CLERK_WEBHOOK_SECRETS": stack.clerk_webhook_secret,
        "OPS_SANDBOX_STRIPE_API_KEY": stack.stripe_api_key,
        "OPS_SANDBOX_CLERK_API_KEY": stack.clerk_api_key,
        "OPS_SANDBOX_MAILCHIMP_API_KEY": stack.mailchimp_api_key,
        "OPS_SANDBOX_LUMA_API_KEY": stack.luma_api_key,
        "OPS_SANDBOX_SLACK_API_KEY": stack.slack_bot_token,
        "OPS_SANDBOX_SLACK_USER": stack.slack_user_token,
        "OPS_SANDBOX_SLACK_SIGNING_SECRET": stack.slack_signing_secret,
        "OPS_SANDBOX_SLACK_WEBHOOK": stack.slack_webhook,
        "OPS_SANDBOX_PAGERDUTY_ROUTING_KEY": stack.pagerduty_routing_key,
        "OPS_SANDBOX_TWILIO_AUTH_TOKEN": stack.twilio_auth_token,
        "OPS_SANDBOX_SMTP_PORT": str(stack.ports.smtp),
    }


def _python(*arguments: str) -> Callable[[Layout, Stack], list[str]]:
    return lambda layout, _stack: [layout.python, "-P", "-m", *arguments]


def _airflow(process: Process) -> Program:
    """One of Airflow's processes; the fork server waits for its forks, which are stopped one by one."""
    return Program(
        name=process.name,
        command=lambda layout, _stack: process.command(layout.python),
        environment=airflow_environment,
        stop_group=not HAS_FORK_SERVER,
        stop_seconds=min(process.stop_seconds, LONGEST_STOP_SECONDS),
    )


PROGRAMS = {
    program.name: program
    for program in (
        Program(
            name="postgres",
            command=postgres.command,
            environment=lambda _layout, _stack: {},
            stop_signal="INT",  # ends at once and in order; TERM would wait for every client
            stop_group=False,
            stop_seconds=30,  # it writes everything down
        ),
        *map(_airflow, AIRFLOW),
        Program(name="relay", command=_python("include.relay"), environment=_relay_environment),
        Program(
            name="sandbox",
            command=_python("include.lab.sandbox.server"),
            environment=_sandbox_environment,
        ),
    )
}


def programs_of(stack: Stack) -> list[Program]:
    """Return the processes that this stack runs; no Postgres where both databases are elsewhere."""
    return [one for one in PROGRAMS.values() if one.name != "postgres" or stack.runs_postgres]
