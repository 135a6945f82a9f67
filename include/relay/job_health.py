"""How the jobs are: healthy, idle, unhealthy or unknown, and in words why. Pure, from facts.

**healthy** runs ended in the last hour, more than 95 % of them well, and nothing else is wrong.
**idle** nothing ended in the hour, and nothing is wrong: that is not known to be healthy.
**unknown** too few runs ended to judge a failure among them, or the database cannot be asked.
**unhealthy** something is wrong; the reasons say what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from include.relay.airflow_health import PARTS
from include.relay.health_issue import OPS, HealthIssue, counted, wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from include.relay.airflow_health import AirflowHealth
    from include.store.metrics import Measurement, OpenBreaker
    from include.store.rejections import Refused
    from include.store.relay_alarms import Alarm
    from include.store.webhooks import Silence, Unrouted

WINDOW: Final = timedelta(hours=1)
HEALTHY_ABOVE: Final = 0.95
MIN_SAMPLES: Final = 5  # fewer ended runs say nothing about a rate: one failure of one is not 100 %
OLDEST_SECONDS: Final = 240  # a row may wait so long; red within five minutes
GAP: Final = timedelta(minutes=45)  # three times the reconciliation's quarter of an hour


class HealthStatus(StrEnum):
    """From best to worst."""

    HEALTHY = "healthy"
    IDLE = "idle"
    UNKNOWN = "unknown"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobHealth:
    """A status, its reasons, and those of them that a person may have to do something about."""

    status: HealthStatus
    reasons: tuple[str, ...]
    issues: tuple[HealthIssue, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthFacts:
    """What is assessed."""

    at: datetime
    jobs: Mapping[str | None, Measurement]
    breakers: tuple[OpenBreaker, ...]
    reconciled_at: datetime | None  # when one came to its end last; None: not lately, or never
    health: AirflowHealth
    alarms: tuple[Alarm, ...] = ()  # what the relays have raised and not taken back
    unrouted: tuple[Unrouted, ...] = ()  # of the last day
    refused: tuple[Refused, ...] = ()  # of the last day
    findings: Mapping[str, int] = field(default_factory=dict)  # open ones, by kind
    silences: tuple[Silence, ...] = ()  # what keeps webhooks from coming


def assess(facts: HealthFacts) -> JobHealth:
    """Say how all of it is."""
    wrong = [
        *_of_airflow(facts),
        *_of_queue(facts.jobs[None]),
        *_of_breakers(facts),
        *_of_alert_rules(facts),
        *_of_reconciliation(facts),
        *_of_silences(facts),
    ]
    runs = assess_job(facts.jobs[None])
    if not wrong:
        return runs
    told = runs.reasons if runs.status is not HealthStatus.HEALTHY else ()
    return JobHealth(
        status=HealthStatus.UNHEALTHY,
        reasons=(*map(str, wrong), *told),
        issues=(*wrong, *runs.issues),
    )


def assess_job(measured: Measurement) -> JobHealth:
    """Say how the runs of one job are, or of all, and how long its rows wait."""
    wrong = list(_of_queue(measured)) if measured.job else []
    total, failed = measured.total_runs, measured.failure_count
    ended = f"{total} runs ended in the last hour, {failed} of them badly"
    if measured.success_rate is None:
        status, words = HealthStatus.IDLE, "no run ended in the last hour"
    elif not failed:
        status, words = (
            HealthStatus.HEALTHY,
            f"{total} runs ended in the last hour, all of them well",
        )
    elif total < MIN_SAMPLES:
        status, words = (
            HealthStatus.UNKNOWN,
            f"{ended}: too few to judge ({MIN_SAMPLES} are needed)",
        )
    elif measured.success_rate > HEALTHY_ABOVE:
        status, words = HealthStatus.HEALTHY, ended
    else:
        status = HealthStatus.UNHEALTHY
        words = (
            f"{ended}: {measured.success_rate:.1%} success, healthy is above {HEALTHY_ABOVE:.0%}"
        )
    issues = (*wrong, *_of_runs(status, words, measured))
    if wrong:
        reasons = (*map(str, wrong), words)
        return JobHealth(status=HealthStatus.UNHEALTHY, reasons=reasons, issues=issues)
    return JobHealth(status=status, reasons=(words,), issues=issues)


def _of_runs(status: HealthStatus, words: str, measured: Measurement) -> Iterator[HealthIssue]:
    if status is not HealthStatus.UNHEALTHY:
        return
    last = measured.last_error
    yield HealthIssue(
        what=words,
        why=f"the last one, {last.job}: {last.reason or 'see its log'}" if last else None,
        waiting=f"{counted(measured.dlq_count, 'dead letter')} open"
        if measured.dlq_count
        else None,
        to_do=f"see what they have in common with `{OPS} dead-letters list`, mend it, replay them",
    )


def _of_airflow(facts: HealthFacts) -> Iterator[HealthIssue]:
    health = facts.health
    if health.problem:
        since = next((one.since for one in facts.alarms if one.name == "airflow_unreachable"), None)
        rows = facts.jobs[None].queued_jobs
        waiting = "webhooks are stored, and wait" + (f" ({counted(rows, 'row')})" if rows else "")
        to_do = "see that the API server runs and reaches its database; what waits is run by itself"
        yield HealthIssue(what=health.problem, since=since, waiting=waiting, to_do=to_do)
        return
    for part, status in health.parts.items():
        if status != "healthy":
            name = PARTS.get(part, part)
            yield HealthIssue(
                what=f"{name} is {status}, Airflow says", to_do=f"see the log of {name}"
            )


def _of_queue(measured: Measurement) -> Iterator[HealthIssue]:
    if measured.oldest_waiting_seconds > OLDEST_SECONDS:
        seconds = round(measured.oldest_waiting_seconds)
        yield HealthIssue(
            what=f"the oldest row has waited for {seconds} s, {OLDEST_SECONDS} s are allowed",
            since=measured.at - timedelta(seconds=seconds),
            waiting=wait(measured.queued_jobs, "row"),
            to_do="see in Airflow's UI whether runs go on or DAGs are paused",
        )


def _of_breakers(facts: HealthFacts) -> Iterator[HealthIssue]:
    for one in facts.breakers:
        yield HealthIssue(
            what=f"{one.vendor} is not called",
            since=one.opened_at,
            why=one.reason,
            waiting=wait(one.row_count, "row", counted(one.member_count, "member"))
            if one.row_count
            else "nobody waits yet",
            next_try_at=one.probe_at,
            to_do="nothing: what waits is done then; in the console the pause can be ended before"
            if one.paused_by
            else f"nothing: what waits is done once it answers; `{OPS} probe {one.vendor}` tries it at once",
        )


def _of_alert_rules(facts: HealthFacts) -> Iterator[HealthIssue]:
    for one in facts.alarms:
        if one.name == "alert_rules_stopped":
            to_do = "see in Airflow's UI whether the DAG alert_rules is paused or its runs fail"
            yield HealthIssue(what=one.words, since=one.since, to_do=to_do)


def _of_silences(facts: HealthFacts) -> Iterator[HealthIssue]:
    for one in facts.silences:
        yield HealthIssue(what=one.words, since=one.since, waiting=one.lost, to_do=one.to_do)


def _of_reconciliation(facts: HealthFacts) -> Iterator[HealthIssue]:
    measured = facts.jobs.get("reconciliation")
    to_do = "see the runs of the DAG reconciliation in Airflow's UI"
    if facts.reconciled_at and facts.at - facts.reconciled_at > GAP:
        minutes = round((facts.at - facts.reconciled_at).total_seconds() / 60)
        yield HealthIssue(
            what=f"the last reconciliation came to its end {minutes} minutes ago", to_do=to_do
        )
    elif facts.reconciled_at is None and measured and measured.total_runs:
        yield HealthIssue(what="no reconciliation has come to its end lately", to_do=to_do)
