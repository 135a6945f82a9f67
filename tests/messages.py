"""Alert messages for tests of whoever carries them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from include.alerts.states import AlertEventType
from include.alerts.texts import AlertMessage, Link


def a_message(**changes):
    """Make a message; `changes` replace what it usually has."""
    usual = AlertMessage(
        rule="job_queue_backup",
        what=AlertEventType.FIRED,
        severity="critical",
        at=datetime.now(UTC).replace(microsecond=0),
        key="job_queue_backup.20261124T120000Z",
        facts=(
            "queued_jobs 101, rule: queued_jobs > 100, window 10m",
            "Since 2026-11-24 12:00:00 UTC",
        ),
        runbook="https://example.org/runbooks/job_queue_backup.md",
        examples=(Link(text="a run", url="https://airflow.example.org/dags/a/runs/b"),),
    )
    return replace(usual, **changes)


def its_end(message):
    """Make the message that the same alert is over."""
    return replace(
        message, what=AlertEventType.RESOLVED, at=message.at + timedelta(minutes=3), examples=()
    )
