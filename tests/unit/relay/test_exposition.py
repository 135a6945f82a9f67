"""What Prometheus reads at `/metrics`, judged by the parser of its own client."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from include.relay.airflow_health import AirflowHealth
from include.relay.exposition import OF_NOW, OF_WINDOW, exposition
from include.relay.job_health import WINDOW, HealthFacts
from include.store.metrics import NUMBERS, Measurement, OpenBreaker
from include.store.rejections import Refused
from include.store.relay_alarms import Alarm
from include.store.webhooks import Unrouted

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def measured(job=None, **values):
    return Measurement(job=job, at=NOW, window=WINDOW, **values)


def read(jobs, *, health=None, breakers=(), alarms=(), **facts):
    """Write the numbers and read them again: (name, labels) → value."""
    known = HealthFacts(
        at=NOW,
        jobs=jobs,
        breakers=breakers,
        reconciled_at=None,
        health=health or AirflowHealth(),
        alarms=tuple(alarms),
        **facts,
    )
    text = exposition({"1h": jobs, "5m": {}}, known)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_numbers_of_a_job():
    """By job and window; those of all jobs are labelled so."""
    job = measured("mailchimp_sync", total_runs=4, success_count=3, failure_count=1, dlq_count=7)

    found = read({None: measured(total_runs=5), "mailchimp_sync": job})

    hour = (("job", "mailchimp_sync"), ("window", "1h"))
    assert found["ops_job_runs_ended", hour] == 4
    assert found["ops_job_success_ratio", hour] == 0.75
    assert found["ops_dead_letters_open", (("job", "mailchimp_sync"),)] == 7
    assert found["ops_job_runs_ended", (("job", "all"), ("window", "1h"))] == 5


def test_unknown_is_no_sample():
    """A rate of no runs is not 0: then a rule on it would be wrong."""
    names = {name for name, _ in read({None: measured()})}

    assert "ops_job_success_ratio" not in names
    assert "ops_job_runs_ended" in names


def test_every_number_is_there():
    """What can be measured can be read: a new number gets a name here too."""
    by_cause = {"silent_minutes"}
    assert set(OF_WINDOW) | set(OF_NOW) | by_cause == set(NUMBERS)


@pytest.mark.parametrize("name", ['a "b"', "a\\b", "a\nb", 'a"} 1\nforged{x="'])
def test_label_cannot_break_out(name):
    """Whatever a job is called, it is one label's value."""
    found = read({None: measured(), name: measured(name, running_jobs=2)})

    assert found["ops_job_runs_running", (("job", name),)] == 2
    assert not [one for one, _ in found if one == "forged"]


def test_airflow_breakers_and_alarms():
    breaker = OpenBreaker(vendor="mailchimp", state="open", opened_at=NOW, reason=None)
    alarm = Alarm(name="airflow_unreachable", since=NOW, ended_at=None, words="")
    down = AirflowHealth(problem="Airflow does not answer")

    found = read({None: measured()}, health=down, breakers=(breaker,), alarms=(alarm,))

    assert found["ops_airflow_up", ()] == 0
    assert found["ops_breaker_open", (("vendor", "mailchimp"),)] == 1
    assert found["ops_relay_alarm_firing", (("alarm", "airflow_unreachable"),)] == 1
    up = read({None: measured()}, health=AirflowHealth(parts={"scheduler": "unhealthy"}))
    assert up["ops_airflow_part_healthy", (("part", "scheduler"),)] == 0


def test_types_that_no_job_takes():
    """Each with its count: they are answered 200, and nothing else tells of them."""
    found = read(
        {None: measured()}, unrouted=(Unrouted(provider="stripe", type="v1.payout.paid", count=3),)
    )

    labels = (("provider", "stripe"), ("type", "v1.payout.paid"))
    assert found["ops_webhooks_unrouted", labels] == 3


def test_refusals_and_findings():
    """Refusals by reason, findings by kind."""
    reason = "no signature matches"
    some = Refused(provider="clerk", reason=reason, count=7, since=NOW)

    found = read({None: measured()}, refused=(some,), findings={"unusual_webhooks": 2})

    assert found["ops_requests_refused", (("provider", "clerk"), ("reason", reason))] == 7
    assert found["ops_findings_open", (("kind", "unusual_webhooks"),)] == 2


def test_window_is_a_label_of_its_own():
    """Two windows of one job do not collide."""
    jobs = {None: measured(total_runs=3)}
    known = HealthFacts(at=NOW, jobs=jobs, breakers=(), reconciled_at=None, health=AirflowHealth())
    text = exposition({"1h": jobs, "5m": {None: measured(total_runs=1)}}, known)

    assert 'ops_job_runs_ended{job="all",window="1h"} 3' in text
    assert 'ops_job_runs_ended{job="all",window="5m"} 1' in text
    assert timedelta(hours=1) == WINDOW
