"""What is said: the runs an alert is about, newest first, and a run's own line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.alerts.names import OF_WEBHOOKS
from include.alerts.states import Phase
from include.alerts.texts import Link
from include.links import run_path
from include.notify.texts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.alerts.rules import AlertRule
    from include.alerts.states import AlertEvent
    from include.jobs.alert_rules.evaluate import Examples
    from include.notify.alerts import AlertDelivery
    from include.store import Store

MOST: Final = 3
OF_DEAD_LETTERS: Final = frozenset({"dlq_count"})
OF_ROWS: Final = frozenset({"queued_jobs", "oldest_waiting_seconds"})


def words_of(delivery: AlertDelivery, *, store: Store) -> str:
    """Say in one line what fires, and how many messages went out."""
    firing = [name for name, state in store.alerts.states().items() if state.phase is Phase.FIRING]
    fires = f"fires: {', '.join(sorted(firing))}" if firing else "nothing fires"
    return f"{fires}; {counted(delivery.sent, 'message')} sent" if delivery.sent else fires


def examples_from(store: Store, *, airflow_url: str) -> Examples:
    """Return what finds examples: failed runs, runs that ended in dead letters, jobs that rows wait for."""

    def examples(rule: AlertRule, change: AlertEvent) -> Sequence[Link]:
        names, job = set(rule.names), change.reading.job
        if names <= OF_WEBHOOKS:
            return []  # no run is to blame
        if names & OF_DEAD_LETTERS:
            found = store.alerts.dead_runs(job=job, limit=MOST)
        elif names & OF_ROWS:
            found = store.alerts.waited_for(job=job, limit=MOST)
        else:
            since = change.at - rule.window
            found = store.alerts.failed_runs(job=job, since=since, until=change.at, limit=MOST)
        return [Link(text=text, url=airflow_url + path) for text, path in map(_place, found)]

    return examples


def _place(found: tuple[str, str | None]) -> tuple[str, str]:
    """Return the text and the page of a run, or of a job."""
    job, run = found
    return (job, f"/dags/{job}") if run is None else (f"{job} {run}", run_path(job, run))
