"""The lines of docs/operations/backup.md and restore.md, run as they stand there, and what is right afterwards."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from include.clock import FixedClock
from include.jobs.reconciliation import steps as job
from include.jobs.reconciliation.contacts import compare_contacts
from include.jobs.reconciliation.events import read_events
from include.jobs.reconciliation.members import compare_clerk, compare_stripe
from include.jobs.reconciliation.repair import RepairLimits
from tests.jobs.world import World
from tests.postgres import TEMPLATE, binary, own_postgres

__all__ = ["own_postgres"]

PAGES = Path(__file__).parents[2] / "docs" / "operations"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPS, AIRFLOW = "ops_page_test", "airflow_page_test"  # as the guard of the tests wants them
QUARTER_OF_AN_HOUR = 15 * 60
DOCKER = """#!{python}
import os, subprocess, sys
match sys.argv[1:]:
    case ["compose", "exec", "-T", "postgres", tool, *words]:
        at = words.index("--username")
        assert words[at + 1] == "postgres"
        words[at : at + 2] = ["--username", "tester", "--host", "127.0.0.1", "--port", "{port}"]
        words = [f"{{one}}_page_test" if one in ("ops", "airflow") else one for one in words]
        sys.exit(subprocess.call([f"{folder}/{{tool}}", *words]))
    case ["compose", ("stop" | "up" | "run"), *_]:
        print("docker", *sys.argv[1:])
    case words:
        sys.exit(f"nobody knows how to run {{words}}")
"""
"""In the container the superuser is called postgres; services are the test's own, and it does what they would."""


class Page:
    """A page's lines, run by a shell in a folder, with Postgres' real programs behind `docker compose exec`."""

    def __init__(self, name, folder, server):
        self.blocks = BLOCK.findall((PAGES / name).read_text())
        self.folder = folder
        docker = folder / "docker"
        text = DOCKER.format(python=sys.executable, port=server.port, folder=binary("psql").parent)
        docker.write_text(text)
        docker.chmod(0o755)

    def run(self, number):
        """Run the lines of a block; return what they printed."""
        path = f"{self.folder}:{os.environ['PATH']}"
        answer = subprocess.run(
            ["sh", "-eu", "-c", self.blocks[number]],
            env={**os.environ, "PATH": path},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout


@pytest.fixture
def databases(own_postgres):
    """Give a server with the two databases that the pages name."""
    own_postgres.execute(f"CREATE DATABASE {OPS} TEMPLATE {TEMPLATE}")
    own_postgres.execute(f"CREATE DATABASE {AIRFLOW}")
    own_postgres.execute("CREATE TABLE runs AS SELECT 1 AS id", database=AIRFLOW)
    yield own_postgres
    for name in (OPS, AIRFLOW):
        own_postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def join(world, names):
    """Let people join, and everything be told and done."""
    for name in names:
        world.run(*world.join(email=f"{name}@example.org"))


def reconcile_deeply(world, run):
    """Do what a deep run and the jobs after it do; return what was found."""
    clock = FixedClock(datetime.now(UTC) + timedelta(minutes=30))  # nothing is on its way any more
    job.begin(run, {"deep": True}, store=world.store, clock=clock)
    shared = {"dag_run_id": run, "store": world.store, "clock": clock}
    limits = RepairLimits(is_dry_run=False, most_percent=100)
    read_events(**shared, stripe=world.stripe, limits=limits)
    compare_stripe(**shared, stripe=world.stripe, limits=limits)
    compare_clerk(**shared, clerk=world.clerk, limits=limits)
    compare_contacts(**shared, mailchimp=world.mailchimp, limits=limits)
    while rows := world.query("SELECT id FROM ops.inbox WHERE state = 'waiting' ORDER BY id"):
        world.run_rows([row["id"] for row in rows])
    findings = world.store.reconciliations.get(run).findings
    return {name: one.found for name, one in findings.items() if one.found}


def membership(world):
    """Return every member as our tables and Mailchimp have her."""
    members = world.query(
        "SELECT u.email, m.tier, m.status FROM public.users u JOIN public.memberships m ON m.user_id = u.id"
    )
    return {
        row["email"]: (row["tier"], row["status"], frozenset(world.contact(row["email"])["tags"]))
        for row in members
    }


@pytest.mark.timeout(300)
def test_dump_ten_minutes_old_is_right_again(databases, sandbox, tmp_path):
    """Who joined, changed or left since the dump is as the vendors have her; and the next look finds nothing."""
    backup, restore = (Page(name, tmp_path, databases) for name in ("backup.md", "restore.md"))
    with World.at(databases.dsn(OPS), sandbox) as world:
        join(world, [f"before{number}" for number in range(6)])
        backup.run(0)
        join(world, [f"after{number}" for number in range(3)])
        world.run(*world.act("cancel_now", email="before1@example.org"))
        right = membership(world)
        welcomed = sorted(world.welcomes())
    assert len(right) == 9

    restore.run(0)
    restore.run(1)
    with psycopg.connect(databases.dsn(OPS)) as connection:
        [[members]] = connection.execute("SELECT count(*) FROM public.users").fetchall()
    assert members == 6
    assert databases.execute("SELECT id FROM runs", database=AIRFLOW) == [(1,)]
    restore.run(2)
    begun = time.monotonic()
    with World.at(databases.dsn(OPS), sandbox) as world:
        found = reconcile_deeply(world, "first")
        assert found["missed_events"] > 0
        assert reconcile_deeply(world, "second") == {}
        assert membership(world) == right
        twice = [f"after{number}@example.org" for number in range(3)]  # as the page says
        assert world.welcomes() == sorted(welcomed + twice)
    assert time.monotonic() - begun < QUARTER_OF_AN_HOUR


def test_dump_that_breaks_off_leaves_the_one_before(databases, tmp_path):
    """A dump takes its place only when it is whole."""
    backup = Page("backup.md", tmp_path, databases)
    backup.run(0)
    before = (tmp_path / "ops.dump").read_bytes()
    databases.execute(f"ALTER DATABASE {OPS} RENAME TO gone_test")
    try:
        with pytest.raises(AssertionError, match="does not exist"):
            backup.run(0)
    finally:
        databases.execute(f"ALTER DATABASE gone_test RENAME TO {OPS}")

    assert (tmp_path / "ops.dump").read_bytes() == before


def test_restore_that_fails_changes_nothing(databases, tmp_path):
    """All of a dump, or nothing of it."""
    restore = Page("restore.md", tmp_path, databases)
    for name in ("ops", "airflow"):
        (tmp_path / f"{name}.dump").write_bytes(b"no dump")

    with pytest.raises(AssertionError, match="archive"):
        restore.run(1)

    assert databases.execute("SELECT to_regclass('ops.inbox') IS NOT NULL", database=OPS) == [
        (True,)
    ]
