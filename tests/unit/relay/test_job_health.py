"""Healthy, idle, unknown or unhealthy, and in words why."""

from datetime import UTC, datetime, timedelta

import pytest

from include.relay.airflow_health import PARTS, AirflowHealth
from include.relay.job_health import WINDOW, HealthFacts, HealthStatus, assess, assess_job
from include.store.metrics import Measurement, OpenBreaker
from include.store.relay_alarms import Alarm

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
WELL = AirflowHealth(parts=dict.fromkeys(PARTS, "healthy"))


def measured(good=0, bad=0, *, job=None, **values):
    counts = {"total_runs": good + bad, "success_count": good, "failure_count": bad}
    return Measurement(job=job, at=NOW, window=WINDOW, **counts, **values)


def facts(all_jobs=None, **changes):
    values = {
        "at": NOW,
        "jobs": {None: all_jobs or measured(good=10)},
        "breakers": (),
        "reconciled_at": NOW - timedelta(minutes=10),
        "health": WELL,
    }
    return HealthFacts(**{**values, **changes})


@pytest.mark.parametrize(
    ("good", "bad", "status"),
    [
        (10, 0, HealthStatus.HEALTHY),
        (96, 4, HealthStatus.HEALTHY),  # 96 %
        (95, 5, HealthStatus.UNHEALTHY),  # 95 % is not above 95 %
        (0, 0, HealthStatus.IDLE),  # H3: nothing run is not healthy
        (0, 1, HealthStatus.UNKNOWN),  # H3: one failure of one is too few to judge
        (3, 1, HealthStatus.UNKNOWN),
        (4, 0, HealthStatus.HEALTHY),
        (4, 1, HealthStatus.UNHEALTHY),
    ],
)
def test_status_of_runs(good, bad, status):
    """Above 95 % of the runs that ended in the last hour, if at least five did."""
    assert assess(facts(measured(good, bad))).status is status
    assert assess_job(measured(good, bad, job="mailchimp_sync")).status is status


def test_reasons_are_words():
    """A person reads them at night."""
    assert assess(facts(measured(0, 0))).reasons == ("no run ended in the last hour",)
    assert assess(facts(measured(8, 2))).reasons == (
        "10 runs ended in the last hour, 2 of them badly: 80.0% success, healthy is above 95%",
    )
    (few,) = assess(facts(measured(0, 1))).reasons
    assert "too few to judge (5 are needed)" in few


@pytest.mark.parametrize(
    ("seconds", "status"), [(240, HealthStatus.HEALTHY), (241, HealthStatus.UNHEALTHY)]
)
def test_age_of_the_oldest_row(seconds, status):
    """H4: a worker that hangs fails nothing and heartbeats on; what it holds grows old."""
    old = measured(good=10, oldest_waiting_seconds=seconds)

    assert assess(facts(old)).status is status


def test_airflow_down():
    """It is said, and what it means."""
    assessed = assess(facts(health=AirflowHealth(problem="Airflow does not answer (ConnectError)")))

    assert assessed.status is HealthStatus.UNHEALTHY
    assert assessed.reasons == (
        "Airflow does not answer (ConnectError): webhooks are stored, and wait",
    )


@pytest.mark.parametrize("part", ["scheduler", "triggerer", "dag_processor"])
def test_part_of_airflow_without_a_beat(part):
    assessed = assess(facts(health=AirflowHealth(parts={**WELL.parts, part: "unhealthy"})))

    assert assessed.status is HealthStatus.UNHEALTHY
    assert assessed.reasons == (f"{PARTS[part]} is unhealthy, Airflow says",)


def test_open_breaker():
    """A vendor that is not called makes members wait."""
    breaker = OpenBreaker(
        vendor="mailchimp",
        state="open",
        opened_at=NOW,
        reason="503",
        probe_at=NOW + timedelta(minutes=5),
        row_count=12,
        member_count=1,
    )

    assessed = assess(facts(breakers=(breaker,)))

    [reason] = assessed.reasons
    assert reason == (
        "mailchimp is not called since 2026-11-02 09:00:00 UTC (503):"
        " 12 rows of 1 member wait, it is tried again at 09:05:00 UTC"
    )
    assert assessed.issues[0].to_do.startswith("nothing")
    assert "`{ops} probe mailchimp`" in assessed.issues[0].to_do


def test_alert_rules_that_stopped():
    """Nobody would be told of anything."""
    alarm = Alarm(
        name="alert_rules_stopped",
        since=NOW,
        ended_at=None,
        words="the alert rules are not evaluated",
    )

    assessed = assess(facts(alarms=(alarm,)))

    assert assessed.status is HealthStatus.UNHEALTHY
    assert assessed.reasons == ("the alert rules are not evaluated since 2026-11-02 09:00:00 UTC",)


def test_every_reason_against_it_has_what_to_do():
    """What is well has nothing to do."""
    failing = assess(facts(measured(good=1, bad=9, oldest_waiting_seconds=999, queued_jobs=2)))

    assert [str(one) for one in failing.issues] == list(failing.reasons)
    assert all(one.to_do for one in failing.issues)
    assert assess(facts(measured(good=1, bad=1))).issues == ()


@pytest.mark.parametrize(
    ("minutes", "status"), [(45, HealthStatus.HEALTHY), (46, HealthStatus.UNHEALTHY)]
)
def test_gap_of_the_reconciliation(minutes, status):
    """It runs each quarter of an hour; what it would find stays unfound."""
    assessed = assess(facts(reconciled_at=NOW - timedelta(minutes=minutes)))

    assert assessed.status is status


def test_reconciliation_that_never_comes_to_its_end():
    """And one that has not run yet is no gap."""
    failing = {None: measured(good=10), "reconciliation": measured(bad=3, job="reconciliation")}

    assert assess(facts(reconciled_at=None)).status is HealthStatus.HEALTHY
    assert assess(facts(reconciled_at=None, jobs=failing)).status is HealthStatus.UNHEALTHY


def test_everything_wrong_is_told():
    """Not only the first thing that is found."""
    bad = facts(
        measured(good=1, bad=9, oldest_waiting_seconds=999),
        health=AirflowHealth(problem="Airflow does not answer (ConnectError)"),
    )

    assert len(assess(bad).reasons) == 3
