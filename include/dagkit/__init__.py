"""Where jobs meet Airflow: what every DAG is given, how a task gets its collaborators, how it ends.

Imported by every DAG file and so in every task: nothing heavy is imported here before it is needed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import Param
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from include.airflow_api.deadlines import RunAfterDeadline
from include.dagkit.callbacks import report_failure, report_late
from include.dagkit.retries import (
    BATCH_RETRIES,
    NO_RETRIES,
    POWERS_OF_TWO,
    RETRY_SETS,
    STORE_RETRIES,
    VENDOR_RETRIES,
    PowersOfTwo,
)
from include.dagkit.tasks import ask_people, give_up, job_task, runtime, skip, wait_until_named
from include.settings import load_job_settings

__all__ = [
    "BATCH_RETRIES",
    "DEACTIVATION_LEAD",
    "INBOX_IDS",
    "NO_RETRIES",
    "POWERS_OF_TWO",
    "PRELOAD",
    "RETRY_SETS",
    "STORE_RETRIES",
    "TAGS",
    "VENDOR_RETRIES",
    "PowersOfTwo",
    "ask_people",
    "give_up",
    "job_task",
    "options",
    "report_failure",
    "report_late",
    "runtime",
    "skip",
    "wait_until_named",
]

TAGS: Final = frozenset({"members", "events", "housekeeping", "watching"})
"""The tags a DAG may have: what it is about."""


INBOX_IDS: Final = Param(
    [],
    type="array",
    items={"type": "integer"},
    title="Inbox rows",
    description="Ids of `ops.inbox`, one per line. Rows that are processed already are passed over.",
)

DEACTIVATION_LEAD: Final = timedelta(seconds=load_job_settings().deactivation_lead_seconds)
"""How long before its moment a run of `member_deactivation` begins to wait in its sensor."""

PRELOAD: Final = (
    # What tasks import, for an executor that imports it once, before it forks; vendors' manifests say the rest.
    "include.jobs.mailchimp_sync.steps",
    "include.jobs.member_deactivation.steps",
    "include.jobs.webhook_retry.steps",
    "include.jobs.alert_rules.report",
    "include.jobs.alert_rules.steps",
    "include.notify.run_notes",
    "include.alerts.rules",
    "include.store",
    "include.store.airflow_tables",
    "include.store.lookup",
    "airflow.providers.http.hooks.http",
    "airflow.providers.standard.sensors.date_time",
    "airflow.providers.postgres.hooks.postgres",
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
