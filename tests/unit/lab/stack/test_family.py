"""All processes of a stack are found and ended: real ones, with the marker in their environment."""

import os
import secrets
import subprocess
import sys
import time

import psutil
import pytest

from include.lab.stack import family

SLEEPS = "import time; print(flush=True); time.sleep(60)"
HAS_A_CHILD = (
    "import os, subprocess, sys;"
    f"subprocess.Popen([sys.executable, '-c', '{SLEEPS}'], env={{}});"
    "import time; print(flush=True); time.sleep(60)"
)
IGNORES_TERM = "import signal; signal.signal(15, signal.SIG_IGN);" + SLEEPS


@pytest.fixture
def stack_id():
    """Return the id of a stack of this test alone."""
    return secrets.token_hex(8)


@pytest.fixture
def start(stack_id):
    """Return what starts a process of that stack and waits until it is there."""
    started = []

    def start(code, role="", **options):
        environment = {**os.environ, family.MARKER: stack_id, family.ROLE: role}
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, **options
        )
        process.stdout.readline()
        started.append(process)
        return process

    yield start
    family.sweep(stack_id)  # first the children: they hold our end of the pipe
    for process in started:
        process.communicate()


def pids(processes):
    """Return the ids of processes."""
    return {one.pid for one in processes}


def test_marked_process_is_found(stack_id, start):
    """Wherever it was started from."""
    one = start(SLEEPS, start_new_session=True)

    assert pids(family.members(stack_id)) == {one.pid}


def test_child_without_the_marker_is_found(stack_id, start):
    """A process may clean its environment; its parent did not."""
    parent = start(HAS_A_CHILD)
    [child] = psutil.Process(parent.pid).children()

    assert pids(family.members(stack_id)) == {parent.pid, child.pid}


def test_other_stacks_are_left_alone(start):
    """Two stacks on one machine."""
    start(SLEEPS)

    assert family.members(secrets.token_hex(8)) == set()


def test_part_of_a_stack_is_found(stack_id, start):
    """What a crashed scheduler has left, and nothing else."""
    start(SLEEPS, role="relay")
    scheduler = start(SLEEPS, role="scheduler")

    assert pids(family.members(stack_id, role="scheduler")) == {scheduler.pid}


def test_zombie_is_no_member(stack_id, start):
    """It has ended; only nobody has asked how."""
    process = start("print(flush=True)")
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

    assert family.members(stack_id) == set()


def test_heads_are_those_without_a_parent_in_the_family(stack_id, start):
    """They are asked, and end their children themselves."""
    parent = start(HAS_A_CHILD)

    assert pids(family.heads(family.members(stack_id))) == {parent.pid}


def test_process_that_ends_when_asked_is_not_killed(stack_id, start):
    """And nothing is reported."""
    start(SLEEPS)
    everyone = family.members(stack_id)

    assert family.stop(everyone, ask=everyone, seconds=10) == []
    assert family.members(stack_id) == set()


def test_process_that_does_not_end_is_killed_and_named(stack_id, start):
    """`down` leaves no process, and says what it had to do for that."""
    process = start(IGNORES_TERM)
    everyone = family.members(stack_id)

    [named] = family.stop(everyone, ask=everyone, seconds=0.2)

    assert named.endswith(f"(process {process.pid})")
    assert family.members(stack_id) == set()


def test_sweep_leaves_nothing(stack_id, start):
    """Whatever was started in the meantime."""
    start(HAS_A_CHILD)
    start(IGNORES_TERM)

    assert len(family.sweep(stack_id)) == 3
    assert family.members(stack_id) == set()
