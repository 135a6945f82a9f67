"""How the jobs are: healthy, idle, unhealthy or unknown, and in words why. A pure judgement of facts.

**healthy** runs ended in the last hour, more than 95 % of them well, and nothing else is wrong.
**idle** nothing ended in the hour, and nothing is wrong: that is not known to be healthy.
**unknown** too few runs ended to judge a failure among them, or the database cannot be asked.
**unhealthy** something is wrong; the reasons say what.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from include.relay.beats import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from include.relay.beats import Beats
    from include.store.figures import Measurement, OpenBreaker

WINDOW: Final = timedelta(hours=1)
HEALTHY_ABOVE: Final = 0.95
MIN_SAMPLES: Final = 5  # fewer ended runs say nothing about a rate: one failure of one is not 100 %
OLDEST_SECONDS: Final = 240  # a row may wait so long; red within five minutes
GAP: Final = timedelta(minutes=45)  # three times the reconciliation's quarter of an hour


class Verdict(StrEnum):
    """From best to worst."""

    HEALTHY = "healthy"
    IDLE = "idle"
    UNKNOWN = "unknown"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A verdict and its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is judged."""

    at: datetime
    jobs: Mapping[str | None, Measurement]
    breakers: tuple[OpenBreaker, ...]
    reconciled_at: datetime | None  # when one came to its end last; None: not lately, or never
    beats: Beats


def judge(facts: Facts) -> Judged:
    """Judge all of it."""
    wrong = [
        *_of_airflow(facts.beats),
        *_of_queue(facts.jobs[None]),
        *_of_breakers(facts),
        *_of_reconciliation(facts),
    ]
    runs = judge_job(facts.jobs[None])
    if not wrong:
        return runs
    told = runs.reasons if runs.verdict is not Verdict.HEALTHY else ()
    return Judged(verdict=Verdict.UNHEALTHY, reasons=(*wrong, *told))


def judge_job(measured: Measurement) -> Judged:
    """Judge the runs of one job, or of all, and how long its rows wait."""
    wrong = list(_of_queue(measured)) if measured.job else []
    total, failed = measured.total_runs, measured.failure_count
    ended = f"{total} runs ended in the last hour, {failed} of them badly"
    if measured.success_rate is None:
        verdict, words = Verdict.IDLE, "no run ended in the last hour"
    elif not failed:
        verdict, words = Verdict.HEALTHY, f"{total} runs ended in the last hour, all of them well"
    elif total < MIN_SAMPLES:
        verdict, words = Verdict.UNKNOWN, f"{ended}: too few to judge ({MIN_SAMPLES} are needed)"
    elif measured.success_rate > HEALTHY_ABOVE:
        verdict, words = Verdict.HEALTHY, ended
    else:
        verdict = Verdict.UNHEALTHY
        words = (
            f"{ended}: {measured.success_rate:.1%} success, healthy is above {HEALTHY_ABOVE:.0%}"
        )
    if wrong:
        return Judged(verdict=Verdict.UNHEALTHY, reasons=(*wrong, words))
    return Judged(verdict=verdict, reasons=(words,))


def _of_airflow(beats: Beats) -> Iterator[str]:
    if beats.problem:
        yield f"{beats.problem}: webhooks are stored, and wait"
        return
    for part, status in beats.parts.items():
        if status != "healthy":
            yield f"{PARTS.get(part, part)} is {status}, Airflow says"


def _of_queue(measured: Measurement) -> Iterator[str]:
    if measured.oldest_waiting_seconds > OLDEST_SECONDS:
        seconds = round(measured.oldest_waiting_seconds)
        yield f"the oldest row has waited for {seconds} s, {OLDEST_SECONDS} s are allowed"


def _of_breakers(facts: Facts) -> Iterator[str]:
    for breaker in facts.breakers:
        since = f" since {breaker.opened_at:%H:%M:%S} UTC" if breaker.opened_at else ""
        why = f": {breaker.reason}" if breaker.reason else ""
        yield f"{breaker.vendor} is not called{since}{why}"


def _of_reconciliation(facts: Facts) -> Iterator[str]:
    measured = facts.jobs.get("reconciliation")
    if facts.reconciled_at and facts.at - facts.reconciled_at > GAP:
        minutes = round((facts.at - facts.reconciled_at).total_seconds() / 60)
        yield f"the last reconciliation came to its end {minutes} minutes ago"
    elif facts.reconciled_at is None and measured and measured.total_runs:
        yield "no reconciliation has come to its end lately"
