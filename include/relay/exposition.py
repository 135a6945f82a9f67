"""The numbers as Prometheus reads them: text format 0.0.4, gauges only.

By hand and not by prometheus_client: the relay keeps no counters of its own, all it does is write down what
was measured, and a registry with its collectors of the process would be a second copy of it. The client's parser
reads this in the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from include.relay.airflow_health import AirflowHealth
    from include.relay.job_health import HealthFacts
    from include.store.metrics import Measurement

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
ALL: Final = "all"
"""The label of the numbers of all jobs but the watchers."""

OF_WINDOW: Final = {
    "total_runs": ("ops_job_runs_ended", "Runs that ended in the window."),
    "success_count": ("ops_job_runs_succeeded", "Runs that ended well in the window."),
    "failure_count": ("ops_job_runs_failed", "Runs that failed or were lost in the window."),
    "lost_count": ("ops_job_runs_lost", "Runs that ended without a word in the window."),
    "success_rate": ("ops_job_success_ratio", "Share of the ended runs that ended well."),
    "failure_rate": ("ops_job_failure_ratio", "Share of the ended runs that failed or were lost."),
    "average_seconds": ("ops_job_duration_average_seconds", "Mean duration of the ended runs."),
    "p95_seconds": ("ops_job_duration_p95_seconds", "95th percentile of their duration."),
    "latency_p50_seconds": ("ops_latency_p50_seconds", "Received to processed, median."),
    "latency_p95_seconds": ("ops_latency_p95_seconds", "Received to processed, 95th percentile."),
    "late_count": (
        "ops_inbox_late",
        "Inbox rows processed later than two minutes after they came.",
    ),
    "refused_count": ("ops_webhooks_refused", "Requests that relays refused in the window."),
    "missed_events": ("ops_webhooks_missed", "Events read in, because they came by no webhook."),
    "error_rate": ("ops_inbox_error_ratio", "Share of the ended inbox rows that failed."),
}
OF_NOW: Final = {
    "running_jobs": ("ops_job_runs_running", "Runs that go on."),
    "queued_jobs": ("ops_inbox_queued_rows", "Inbox rows that no run has begun with."),
    "oldest_waiting_seconds": ("ops_inbox_oldest_waiting_seconds", "Age of the oldest row."),
    "dlq_count": ("ops_dead_letters_open", "Dead letters that wait for a person."),
    "last_error_age_seconds": ("ops_job_last_error_age_seconds", "Since the last failed run."),
}

MetricSample = tuple["Mapping[str, str]", float | None]


def exposition(windows: Mapping[str, Mapping[str | None, Measurement]], facts: HealthFacts) -> str:
    """Write everything; `windows` has the measurements by the window's name, like `1h`."""
    lines: list[str] = []
    for field, (name, words) in OF_WINDOW.items():
        samples = [
            ({"job": job or ALL, "window": window}, getattr(measured, field))
            for window, jobs in windows.items()
            for job, measured in jobs.items()
        ]
        lines += _gauge(name, words, samples)
    for field, (name, words) in OF_NOW.items():
        now = [({"job": job or ALL}, getattr(one, field)) for job, one in facts.jobs.items()]
        lines += _gauge(name, words, now)
    lines += _of_airflow(facts.health)
    breakers = [({"vendor": breaker.vendor}, 1.0) for breaker in facts.breakers]
    lines += _gauge("ops_breaker_open", "Vendors that are not called now.", breakers)
    firing = [({"alarm": alarm.name}, 1.0) for alarm in facts.alarms]
    lines += _gauge("ops_relay_alarm_firing", "What the relay itself has raised.", firing)
    silent: list[MetricSample] = [
        (
            {"provider": one.provider, "cause": one.cause},
            (facts.at - one.since).total_seconds() / 60,
        )
        for one in facts.silences
    ]
    words = "For how many minutes webhooks have not come as they should, by cause."
    lines += _gauge("ops_webhooks_silent_minutes", words, silent)
    missing: list[MetricSample] = [
        ({"provider": one.provider, "cause": one.cause}, float(one.missing))
        for one in facts.silences
    ]
    lines += _gauge("ops_webhooks_missing", "Events that did not come meanwhile.", missing)
    unrouted: list[MetricSample] = [
        ({"provider": one.provider, "type": one.type}, float(one.count)) for one in facts.unrouted
    ]
    lines += _gauge("ops_webhooks_unrouted", "Webhooks of a day that no job takes.", unrouted)
    refused: list[MetricSample] = [
        ({"provider": one.provider, "reason": one.reason}, float(one.count))
        for one in facts.refused
    ]
    lines += _gauge("ops_requests_refused", "Requests of a day that relays refused.", refused)
    findings = [({"kind": kind}, float(count)) for kind, count in facts.findings.items()]
    lines += _gauge("ops_findings_open", "What people have to know, by kind.", findings)
    return "\n".join([*lines, ""])


def _of_airflow(health: AirflowHealth) -> Iterator[str]:
    up: list[MetricSample] = [({}, float(health.problem is None))]
    yield from _gauge("ops_airflow_up", "Whether Airflow's API answers.", up)
    parts: list[MetricSample] = [
        ({"part": name}, float(state == "healthy")) for name, state in health.parts.items()
    ]
    yield from _gauge("ops_airflow_part_healthy", "Whether a part of Airflow is well.", parts)


def _gauge(name: str, words: str, samples: Iterable[MetricSample]) -> list[str]:
    """Write one metric; what is unknown has no sample."""
    known = [(labels, value) for labels, value in samples if value is not None]
    head = [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
    return [*head, *(f"{name}{_labels(labels)} {value!r}" for labels, value in known)]


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
