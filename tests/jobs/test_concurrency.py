"""Two runs on one member, and a run that is killed: no lost update, no second welcome, nothing silent."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.jobs.world import until

pytestmark = pytest.mark.timeout(3600)  # with --long
ROOT = Path(__file__).resolve().parents[2]
TRIALS, LONG_TRIALS = 15, 1000
KILLS, LONG_KILLS = 8, 200
TIERS = ("community", "pro", "leader")


def test_two_runs_at_once_lose_no_update(world, times):
    """Two runs, the same member, different events, any interleaving: the newest state is everywhere."""
    world.run(*world.join())

    for trial in range(times(TRIALS, LONG_TRIALS)):
        first, last = TIERS[trial % 3], TIERS[(trial + 1) % 3]
        changed = [
            event
            for tier in (first, last)
            for event in world.act("update_member", email="ada@example.org", tier=tier)
        ]
        at_once(world, changed[:1], changed[1:])

        assert world.member().memberships[0].tier == last
        assert world.contact()["TIER"] == last
        assert world.contact()["tags"] == {"active", last}


def test_two_runs_at_once_make_one_member(world, times):
    """Clerk's and Stripe's first words at the same moment: one member, one contact, one welcome."""
    for trial in range(times(TRIALS, LONG_TRIALS) // 3):
        email = f"ada{trial}@example.org"
        joined = world.join(email)
        clerk = [event for event in joined if event["vendor"] == "clerk"]
        stripe = [event for event in joined if event["vendor"] == "stripe"]
        at_once(world, clerk, stripe)

        assert [m.email for m in world.members()].count(email) == 1
        assert world.contact(email)["tags"] == {"active", "pro"}
        assert world.welcomes().count(email) == 1


def at_once(world, *batches):
    """Run each batch of events in a run of its own, all at the same moment."""
    barrier, problems = threading.Barrier(len(batches)), []

    def work(batch):
        try:
            with world.another() as mine:
                ids = mine.receive(*batch)
                barrier.wait(timeout=10)
                mine.run_rows(ids)
        except Exception as error:  # noqa: BLE001 - a thread's failure must fail the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []


KILLED = """
import sys
from types import SimpleNamespace
from include.store import Store
from tests.jobs.world import World

dsn, url, run = sys.argv[1:]
world = World(Store.connect(dsn), dsn, SimpleNamespace(url=url))
print("ready", flush=True)
world.welcome(run)
world.record(run)
"""


def test_killed_between_welcome_and_record(world, times):
    """A process is killed (-9) at any moment around the welcome: never two, and never silent."""
    dice = random.Random(7)  # noqa: S311 - chance for tests
    world.sandbox.ask("PATCH", "settings", json={"service_seconds": {"mailchimp": 0.03}})
    uncertain = 0
    for kill in range(times(KILLS, LONG_KILLS)):
        email, run = f"ada{kill}@example.org", f"run_{kill}"
        world.load(world.receive(*world.join(email)), run)
        world.update(run)

        kill_while_welcoming(world, run, after_seconds=dice.uniform(0, 0.08))
        world.welcome(run)
        world.record(run)

        welcomed, [state] = world.welcomes().count(email), steps_of(world, run)
        assert welcomed <= 1
        assert state == "uncertain" or (state, welcomed) == ("done", 1)
        uncertain += state == "uncertain"
    assert world.audit().count("welcome:uncertain") == uncertain


def test_kill_at_the_call_leaves_it_uncertain(world):
    """Killed while Mailchimp works on the call: the fault surely fired, and a person is told."""
    world.load(world.receive(*world.join()), "run_x")
    world.update("run_x")
    world.sandbox.fault("mailchimp", "delay", path="/customer-journeys/*", seconds=1)

    process = welcoming(world, "run_x")
    until(lambda: world.sandbox.fired() == 1)
    kill(process)
    until(lambda: world.welcome_calls() == 1)
    world.welcome("run_x")
    world.record("run_x")

    assert world.steps() == ["uncertain"]
    assert world.welcomes() == ["ada@example.org"]
    assert "welcome:uncertain" in world.audit()


def steps_of(world, run):
    """Return the states of the steps of a run's members."""
    rows = world.query(
        "SELECT state FROM ops.steps JOIN ops.run_members USING (member_id)"
        " WHERE run_members.dag_run_id = %s",
        run,
    )
    return [row["state"] for row in rows]


def kill_while_welcoming(world, run, *, after_seconds):
    """Let another process welcome, and kill it so long after it is ready."""
    process = welcoming(world, run)
    time.sleep(after_seconds)  # the moment of the kill is what is tried out, nothing is waited for
    kill(process)


def welcoming(world, run):
    """Start another process that welcomes a run's members; return it when it is about to."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, world.dsn, world.sandbox.url, run],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process):
    """Kill -9 a process, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    process.stdout.close()
