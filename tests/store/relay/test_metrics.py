"""`GET /health/jobs` and `GET /metrics` of a real relay: quick, and true while Airflow or Postgres is down."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.relay_process import running_relay

PATIENCE_SECONDS = 15


@pytest.fixture
def relay(database, airflow, tmp_path):
    """Run a relay beside an Airflow that answers."""
    with running_relay(database, tmp_path, airflow_url=airflow.url) as relay:
        wait_for(relay, lambda told: told["airflow"]["answers"])
        yield relay


def wait_for(relay, is_so):
    """Return what `/health/jobs` says once that is so: it may be some seconds old."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so(told := relay.client.get("/health/jobs").json()):
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told


def have_run(store, *, is_good=True, run="run_1"):
    now = datetime.now(UTC)
    store.job_runs.open("mailchimp_sync", run, ends=["record"], now=now - timedelta(seconds=1))
    if is_good:
        store.job_runs.end_tasks("mailchimp_sync", run, ends=["record"], now=now)
    else:
        store.job_runs.fail(
            "mailchimp_sync", run, error_class="VendorBusyError", reason="slow down", now=now
        )


def test_idle_then_healthy(relay, store):
    """H3: nothing run in the hour is not healthy; one good run is."""
    told = wait_for(relay, lambda told: told["status"] == "idle")
    assert told["reasons"] == ["no run ended in the last hour"]
    assert told["airflow"]["parts"]["scheduler"] == "healthy"

    have_run(store)

    told = wait_for(relay, lambda told: told["status"] == "healthy")
    assert told["jobs"]["mailchimp_sync"]["success_count"] == 1


def test_failing_job_is_named(relay, store):
    """With its last error, and free of what must not be seen."""
    for number in range(5):
        have_run(store, is_good=False, run=f"run_{number}")

    told = wait_for(relay, lambda told: told["status"] == "unhealthy")

    job = told["jobs"]["mailchimp_sync"]
    assert (job["status"], job["failure_count"]) == ("unhealthy", 5)
    assert job["last_error"]["error_class"] == "VendorBusyError"


def test_metrics_can_be_read(relay, store):
    """By the parser of Prometheus' client, with the type it expects."""
    have_run(store)
    wait_for(relay, lambda told: told["status"] == "healthy")

    answer = relay.client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {family.type for family in families.values()} == {"gauge"}
    (sample,) = families["ops_airflow_up"].samples
    assert sample.value == 1


def test_airflow_is_down(database, tmp_path, store):
    """It says so, at once: nobody waits for Airflow who asks the relay."""
    have_run(store)
    with running_relay(database, tmp_path) as relay:
        told = wait_for(relay, lambda told: "does not answer" in str(told["airflow"]["problem"]))
        begun = time.monotonic()
        relay.client.get("/health/jobs")

        assert time.monotonic() - begun < 1
        assert told["status"] == "unhealthy"
        assert told["reasons"][0].endswith("webhooks are stored, and wait")
        assert relay.client.get("/metrics").status_code == 200


def test_postgres_is_gone(database, postgres_server, airflow, tmp_path):
    """Health says so; metrics are refused, so that no old number looks new."""
    with running_relay(database, tmp_path, airflow_url=airflow.url) as relay:
        wait_for(relay, lambda told: told["status"] == "idle")
        name = database.rsplit("/", 1)[1]
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        told = wait_for(relay, lambda told: "database" in told["reasons"][0])

        assert told["status"] == "unhealthy"
        assert relay.client.get("/metrics").status_code == 503
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_many_probes_are_one_look(relay, database, postgres_server):
    """A hundred at once ask the database once: its connections count."""
    name = database.rsplit("/", 1)[1]
    count = "SELECT sessions FROM pg_stat_database WHERE datname = %s"
    before = postgres_server.execute(count, name)[0][0]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: relay.client.get("/health/jobs"), range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert postgres_server.execute(count, name)[0][0] - before <= 5
