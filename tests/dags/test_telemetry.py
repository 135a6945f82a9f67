"""What a task tells StatsD, a Datadog agent and Sentry, as Airflow's own settings say: to receivers on the wire.

Each runs in a process of its own: Airflow reads these settings once, when it is imported.
"""

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.airflow_task import ROOT
from tests.dags.conftest import connections

PATIENCE_SECONDS = 10
TASKS = """
import sys
from tests.airflow_task import run_task
ids = [int(one) for one in sys.argv[1].split(",")]
for task, number in [one.split(":") for one in sys.argv[2:]]:
    end = run_task("mailchimp_sync", task, run_id="run_1", conf={"inbox_ids": ids}, try_number=int(number))
    print(task, end.state)
"""
ALL = ("load_members:1", "update_mailchimp:1", "trigger_welcome:1", "record:1")


def run_tasks(world, ids, *tries, **settings):
    """Run tries of tasks in a process with these settings of Airflow."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        **{f"AIRFLOW_CONN_{name.upper()}": one for name, one in connections(world).items()},
        **{f"AIRFLOW__{name.upper()}": str(value) for name, value in settings.items()},
    }
    command = [sys.executable, "-c", TASKS, ",".join(map(str, ids)), *tries]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def kept(sandbox, vendor, what, is_enough):
    """Return what a receiver has, once that is enough: it is sent without an answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_enough(found := sandbox.ask("GET", f"state/{vendor}")[what]):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def durations(sandbox, name="airflow.job.duration"):
    """Return the samples of `job.duration`."""
    metrics = kept(sandbox, "statsd", "metrics", lambda all_: any(m["name"] == name for m in all_))
    assert sandbox.ask("GET", "state/statsd")["unreadable"] == []
    return [metric for metric in metrics if metric["name"] == name]


@pytest.fixture
def statsd(sandbox):
    """Return Airflow's settings for the sandbox's receiver."""
    port = sandbox.ask("GET", "healthz")["ports"]["statsd"]
    return {
        "metrics__statsd_on": True,
        "metrics__statsd_host": "127.0.0.1",
        "metrics__statsd_port": port,
    }


def test_duration_goes_to_datadog_with_its_tags(connected, sandbox, statsd):
    """One sample per run, in milliseconds, by job and status; Airflow's own beside it."""
    ids = connected.receive(*connected.join())

    run_tasks(connected, ids, *ALL, **statsd, metrics__statsd_datadog_enabled=True)

    (sample,) = durations(sandbox)
    assert sample["tags"] == {"job": "mailchimp_sync", "status": "success"}
    run = connected.store.job_runs.get("mailchimp_sync", "run_1")
    took = (run.finished_at - run.started_at).total_seconds() * 1000
    assert (sample["type"], sample["value"]) == ("ms", pytest.approx(took, abs=1))
    names = {metric["name"] for metric in sandbox.ask("GET", "state/statsd")["metrics"]}
    assert {"airflow.ti.start", "airflow.ti.finish", "airflow.task.duration"} <= names


def test_duration_of_a_failed_run(connected, sandbox, statsd):
    """Tagged as failed."""
    ids = connected.receive(*connected.join())
    connected.sandbox.fault("mailchimp", "status", status=503)

    run_tasks(
        connected,
        ids,
        *("load_members:1", "update_mailchimp:4", "record:1"),
        **statsd,
        metrics__statsd_datadog_enabled=True,
    )

    (sample,) = durations(sandbox)
    assert sample["tags"] == {"job": "mailchimp_sync", "status": "failed"}


def test_duration_goes_to_statsd_with_tags_in_the_name(connected, sandbox, statsd):
    """Plain StatsD has no tags; in InfluxDB's form they are part of the name."""
    ids = connected.receive(*connected.join())

    run_tasks(connected, ids, *ALL, **statsd, metrics__statsd_influxdb_enabled=True)

    (sample,) = durations(sandbox)
    assert sample["tags"] == {"job": "mailchimp_sync", "status": "success"}


def test_nothing_is_sent_by_default(connected, sandbox):
    """Off until somebody turns it on."""
    ids = connected.receive(*connected.join())

    assert "record success" in run_tasks(connected, ids, *ALL)

    assert sandbox.ask("GET", "state/statsd")["metrics"] == []
    assert sandbox.ask("GET", "state/sentry")["events"] == []


def test_error_goes_to_sentry_without_a_person(connected, sandbox):
    """J1: with class, DAG and task; without local variables, log lines or a text that is not ours."""
    ids = connected.receive(*connected.join())
    connected.store.connection.execute("ALTER TABLE ops.run_members RENAME TO put_away")
    dsn = f"{sandbox.url}/sentry/1".replace("://", "://key@")

    run_tasks(connected, ids, "update_mailchimp:1", sentry__sentry_on=True, sentry__sentry_dsn=dsn)

    (event,) = kept(sandbox, "sentry", "events", bool)
    exception = event["exception"]["values"][-1]
    assert exception["type"] == "UndefinedTable"
    assert {"dag_id": "mailchimp_sync", "task_id": "update_mailchimp"}.items() <= event[
        "tags"
    ].items()
    assert all("vars" not in frame for frame in exception["stacktrace"]["frames"])
    assert "example.org" not in str(event).lower()
    assert sandbox.count("sentry", "POST", "/api/1/envelope/") == 1


@pytest.fixture
def collector():
    """Run an OpenTelemetry collector that keeps what it is sent: (path, body)."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()
    thread.join()


def test_duration_goes_to_opentelemetry(connected, collector, monkeypatch):
    """By configuration alone: Airflow's exporter takes it along, with its tags as attributes."""
    ids = connected.receive(*connected.join())
    address, taken = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")

    run_tasks(connected, ids, *ALL, metrics__otel_on=True)

    sent = b"".join(body for path, body in taken if path == "/v1/metrics")
    assert b"job.duration" in sent
    assert b"mailchimp_sync" in sent
