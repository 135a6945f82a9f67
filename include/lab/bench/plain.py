"""Plain Airflow as a contender: all defaults, the job as seven tasks, one run per webhook.

The same environment, Postgres server and sandbox as the product, databases and an Airflow home of its
own, four processes as `airflow standalone` starts them. What is not a default: no example DAGs, DAGs not
paused at creation, loopback addresses, and connections from the environment (which saves each task a
request). The product's Airflow and relay must be stopped meanwhile: two cores do not carry both.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, LiteralString, Self
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import stripe
from psycopg import sql

from include.clock import SystemClock
from include.lab.bench.contender import WebhookProgress
from include.lab.bench.enrolment import enrol_at_platform
from include.lab.bench.errors import BenchError
from include.lab.bench.processes import cpu_seconds
from include.lab.bench.webhooks import http_request
from include.lab.shell import inherited_environment
from include.lab.stack import airflow_settings, family, ports
from include.lab.stack.layout import write_private
from include.lab.stack.programs import base_environment
from include.lab.stack.stack import HOST
from include.operate.webhooks import stripe_signature
from include.store.migrate import create_platform_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.lab.bench.sandbox import BenchMember
    from include.lab.bench.webhooks import Webhook
    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack

HERE = Path(__file__).parent
DAG_ID = "plain_sync"
DAG_IDS = (DAG_ID, "plain_deactivation")
ROLE = "plain-airflow"
AIRFLOW_DATABASE, PLATFORM_DATABASE = "airflow_plain", "platform_plain"
PROCESSES = (
    ("api-server",),
    ("scheduler", "--skip-serve-logs"),  # the log servers listen on every address
    ("dag-processor",),
    ("triggerer", "--skip-serve-logs"),
)
START_SECONDS = 240
STOP_SECONDS = 30
TOLERANCE_SECONDS = 300
MARK = "SELECT coalesce(max(id), 0) FROM public.processed_events"
DONE = "SELECT count(*) FROM public.processed_events WHERE id > %s"
FAILED = "SELECT count(*) FROM dag_run WHERE state = 'failed'"


class PlainAirflow:
    """Plain Airflow, running as long as the block lasts; its logs are left behind."""

    name = "plain_airflow"

    def __init__(self, layout: Layout, stack: Stack) -> None:
        """Prepare to run beside what is left of `stack`: its Postgres and its sandbox."""
        if not stack.runs_postgres:
            raise BenchError("plain Airflow needs the embedded Postgres: unset OPS_DATABASE_URL")
        self._layout, self._stack = layout, stack
        self._home = layout.state / "plain"
        self._password = secrets.token_urlsafe(32)
        self.port = ports.any_free(set())
        self.database_url = _at(stack.database_url, PLATFORM_DATABASE)
        self.airflow_url = _at(stack.airflow_database_url, AIRFLOW_DATABASE)
        self._connections: list[psycopg.Connection] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._token = ""

    def __enter__(self) -> Self:
        """Make the databases, start the four processes, and wait until they are healthy."""
        try:
            self._make_databases()
            self._make_home()
            self._start()
            self._wait_until_healthy()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes and drop the databases."""
        self.close()

    def close(self) -> None:
        """End the processes and drop the databases; the logs stay until the next time."""
        self._end_processes()
        for connection in self._connections:
            connection.close()
        with psycopg.connect(self._stack.postgres_url, autocommit=True) as server:
            for name in (AIRFLOW_DATABASE, PLATFORM_DATABASE):
                _drop(server, name)

    def request(self, webhook: Webhook) -> bytes:
        """Do what the obvious receiver does: verify the signature and ask Airflow for a run."""
        secret = self._stack.stripe_webhook_secret
        stamp = round(SystemClock().now().timestamp())
        signature = stripe_signature(webhook.body, secret, stamp)
        stripe.WebhookSignature.verify_header(
            webhook.body.decode(), signature, secret, TOLERANCE_SECONDS
        )
        return self.run_request(DAG_ID, webhook.event_id, {"event": json.loads(webhook.body)})

    def run_request(self, dag_id: str, dag_run_id: str, conf: Mapping[str, object]) -> bytes:
        """Return the request for a run."""
        run = {"dag_run_id": dag_run_id, "logical_date": None, "conf": conf}
        authorization = {"Authorization": f"Bearer {self._token}"}
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        return http_request(path, authorization, json.dumps(run).encode())

    def mark(self) -> int:
        """Return the newest processed event."""
        return _number(self._connections[0], MARK)

    def progress(self, mark: int) -> WebhookProgress:
        """Count the events processed since `mark`; any failed run counts as failed."""
        platform, airflow = self._connections
        failed = _number(airflow, FAILED)
        return WebhookProgress(
            done=_number(platform, DONE, mark),
            failed=failed,
            reason=f"runs failed; see {self._home / 'logs'}" if failed else None,
        )

    def enrol(self, members: Sequence[BenchMember]) -> None:
        """Make members at the platform."""
        enrol_at_platform(self.database_url, members)

    def cpu_seconds(self) -> dict[str, float]:
        """Add up its processes, Postgres and the sandbox."""
        return cpu_seconds(self._stack.id)

    def environment(self) -> dict[str, str]:
        """Return Airflow's environment: what has no default, and the few values named above."""
        url = f"http://{HOST}:{self.port}"
        return {
            **base_environment(inherited_environment(), self._layout, self._stack),
            family.ROLE: ROLE,
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "plain_dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self._home / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__FERNET_KEY": self._stack.fernet_key,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__SECRET_KEY": self._stack.api_secret_key,
            "AIRFLOW__API_AUTH__JWT_SECRET": self._stack.jwt_secret,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.airflow_url.replace(
                "postgresql://", "postgresql+psycopg2://", 1
            ),
            **self._connection_variables(),
        }

    def _make_databases(self) -> None:
        with psycopg.connect(self._stack.postgres_url, autocommit=True) as server:
            for name, owner in ((AIRFLOW_DATABASE, "airflow"), (PLATFORM_DATABASE, "ops")):
                _drop(server, name)
                statement = sql.SQL("CREATE DATABASE {} OWNER {}")
                server.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
        create_platform_tables(self.database_url)
        with psycopg.connect(self.database_url) as platform:
            platform.execute((HERE / "plain.sql").read_bytes())

    def _make_home(self) -> None:
        """Make an empty Airflow home with the admin's password in it."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700)
        passwords = self._home / "simple_auth_manager_passwords.json.generated"
        write_private(passwords, json.dumps({"admin": self._password}))

    def _start(self) -> None:
        """Make Airflow's tables, then start all four processes at once."""
        with (self._layout.logs / "plain-airflow.log").open("wb") as log:
            migrated = self._airflow(log, "db", "migrate").wait(START_SECONDS)
            if migrated:
                raise BenchError(f"plain Airflow's database cannot be made; see {log.name}")
            self._processes = [self._airflow(log, *arguments) for arguments in PROCESSES]

    def _airflow(self, log: IO[bytes], *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own environment's Airflow
            [self._layout.python, "-P", "-m", "airflow", *arguments],
            env=self.environment(),
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _connection_variables(self) -> dict[str, str]:
        """Return the product's connections, the database its own, as Airflow's variables."""
        written = airflow_settings.read(self._layout.root / "airflow_settings.yaml")
        known = airflow_settings.for_stack(written, self._stack).environment()
        platform = urlsplit(self.database_url)
        own = {
            "conn_type": "postgres",
            "host": platform.hostname,
            "port": platform.port,
            "schema": PLATFORM_DATABASE,
            "login": platform.username,
            "password": platform.password,
        }
        vendors = {name: known[name] for name in ("AIRFLOW_CONN_STRIPE", "AIRFLOW_CONN_MAILCHIMP")}
        return {"AIRFLOW_CONN_PLATFORM": json.dumps(own), **vendors}

    def _wait_until_healthy(self) -> None:
        """Wait for the health of all parts and for the DAGs; log in."""
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(base_url=f"http://{HOST}:{self.port}", trust_env=False) as client:
            while not self._is_healthy(client):
                if any(process.poll() is not None for process in self._processes):
                    raise BenchError("plain Airflow does not stay up; see plain-airflow.log")
                if time.monotonic() > deadline:
                    raise BenchError(f"plain Airflow is not healthy after {START_SECONDS} s")
                time.sleep(0.5)
        self._connections = [
            psycopg.connect(url, autocommit=True) for url in (self.database_url, self.airflow_url)
        ]

    def _is_healthy(self, client: httpx.Client) -> bool:
        try:
            parts = client.get("/api/v2/monitor/health").raise_for_status().json()
            if any(part["status"] != "healthy" for part in parts.values()):
                return False
            user = {"username": "admin", "password": self._password}
            self._token = (
                client.post("/auth/token", json=user).raise_for_status().json()["access_token"]
            )
            bearer = {"authorization": f"Bearer {self._token}"}
            answers = [client.get(f"/api/v2/dags/{one}", headers=bearer) for one in DAG_IDS]
            return all(answer.is_success for answer in answers)
        except httpx.HTTPError:
            return False

    def _end_processes(self) -> None:
        """Ask the four to end, and kill what is left of them and of their children."""
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for left in family.members(self._stack.id, role=ROLE):
            with contextlib.suppress(psutil.Error):
                left.kill()
        for process in self._processes:
            process.wait()
        self._processes = []


def _at(url: str, database: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def _drop(server: psycopg.Connection, name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    server.execute(statement.format(sql.Identifier(name)))


def _number(connection: psycopg.Connection, statement: LiteralString, *values: int) -> int:
    row = connection.execute(statement, values, prepare=True).fetchone()
    return int(row[0]) if row else 0
