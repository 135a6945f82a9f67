"""The channels of alerts as the local stack has them, for whoever is outside Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.clients.alert_channels import Account, AlertChannels
from include.lab.stack import airflow_settings
from include.settings import load_job_settings

if TYPE_CHECKING:
    from include.clients.slack import Slack
    from include.lab.stack.airflow_settings import Connection
    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack


def channels_of(at: Layout, stack: Stack) -> AlertChannels:
    """Return the channels, from `airflow_settings.yaml` with the stack's ports and secrets."""
    file = airflow_settings.read(at.root / "airflow_settings.yaml")
    fitted = airflow_settings.for_stack(file, stack)
    connections = {one.id: one for one in fitted.connections}
    timeout_seconds = load_job_settings().vendor_timeout_seconds
    return AlertChannels(
        account=lambda name: _account(connections[name]),
        slack=lambda: _slack(connections["slack"], timeout_seconds),
        source=stack.airflow_url,
        timeout_seconds=timeout_seconds,
    )


def _account(connection: Connection) -> Account:
    return Account(
        host=connection.host,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        extra=connection.extra,
    )


def _slack(connection: Connection, timeout_seconds: float) -> Slack:
    from slack_sdk import WebClient  # noqa: PLC0415 - only where it is used

    from include.clients.slack import QUIET, Slack  # noqa: PLC0415

    client = WebClient(
        connection.password,
        base_url=str(connection.extra.get("base_url", WebClient.BASE_URL)),
        timeout=round(timeout_seconds),
        retry_handlers=[],
        logger=QUIET,
    )
    return Slack(client, ops_channel="", staff_channel="")
