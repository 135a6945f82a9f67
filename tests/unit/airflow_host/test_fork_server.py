"""The fork server and its stand-ins: the end of one is the end of the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / "include/airflow_host/fork_client.py"
TIMEOUT_SECONDS = 20
SERVER = """
import signal, subprocess, sys, time
from include.airflow_host.fork_server import ForkServer

def code_of(child):
    try:
        return child.wait(0.3)
    except subprocess.TimeoutExpired:
        return 7

def run(arguments):
    if arguments[0] == "polite":
        child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
        signal.signal(signal.SIGINT, lambda *_: sys.exit(code_of(child)))
    if arguments[0] == "work":
        subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, process_group=0)
    print("hello from", *arguments, flush=True)
    if arguments[0] != "end":
        time.sleep(60)
    return int(arguments[1])

ForkServer("fork.sock", run).serve()
"""


@pytest.fixture
def server(tmp_path):
    """Run a fork server whose forks say hello, and wait if they are told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def ask(server, tmp_path):
    """Start stand-ins for forks, and leave none behind."""
    asked = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-I", "-S", str(CLIENT), "fork.sock", *arguments]
        asked.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True))
        return asked[-1]

    yield start
    for client in asked:
        client.kill()
        client.communicate()


def fork_of(server: subprocess.Popen, client: subprocess.Popen) -> psutil.Process:
    """Wait until the client's fork has said hello and the client passes signals on to it; return the fork."""
    assert client.stdout.readline().startswith("hello")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not catches(client.pid, signal.SIGUSR2):  # the last that it learns to pass on
        assert time.monotonic() < deadline, "the client passes no signal on"
        time.sleep(0.001)
    return psutil.Process(server.pid).children()[0]


def catches(pid: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal (Linux)."""
    lines = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)


def is_gone(process: psutil.Process) -> bool:
    """Wait for a process that is to end."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with suppress(psutil.NoSuchProcess):  # between the two questions
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
    return True


def test_fork_writes_to_its_client_and_ends_with_its_code(ask):
    """Supervisor logs the fork and sees its exit code as if it had started it."""
    client = ask("end", "3")

    output, _ = client.communicate(timeout=TIMEOUT_SECONDS)

    assert (output, client.returncode) == ("hello from end 3\n", 3)


def test_signal_to_the_client_reaches_the_fork(server, ask):
    """`down` asks the stand-ins to end; the forks must hear it."""
    client = ask("wait", "0")
    fork = fork_of(server, client)

    client.send_signal(signal.SIGTERM)

    assert client.wait(TIMEOUT_SECONDS) == 128 + signal.SIGTERM
    assert is_gone(fork)


def test_interrupt_reaches_the_fork_alone(server, ask):
    """A scheduler that is asked so lets its tasks end; a signal to them would end them in the middle."""
    client = ask("polite", "0")
    fork = fork_of(server, client)
    [child] = fork.children()

    client.send_signal(signal.SIGINT)

    assert client.wait(TIMEOUT_SECONDS) == 7  # its child lived when it was asked to end
    assert is_gone(child)  # the server kills what is left


def test_killed_client_takes_its_fork_with_it(server, ask):
    """A fork that nobody watches must not live on beside the one that replaces it."""
    client = ask("wait", "0")
    fork = fork_of(server, client)

    client.kill()

    assert is_gone(fork)
    assert ask("end", "0").wait(TIMEOUT_SECONDS) == 0


def test_killed_fork_ends_its_client(server, ask):
    """Supervisor restarts what crashes, so it must see the crash."""
    client = ask("wait", "0")

    fork_of(server, client).kill()

    assert client.wait(TIMEOUT_SECONDS) == 128 + signal.SIGKILL


def test_killed_fork_takes_its_children_with_it(server, ask):
    """A killed scheduler's workers must not keep its database connection, and so its locks, alive."""
    client = ask("work", "0")
    fork = fork_of(server, client)
    [child] = fork.children()

    fork.kill()

    assert client.wait(TIMEOUT_SECONDS) == 128 + signal.SIGKILL
    assert is_gone(child)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_killed_server_takes_all_with_it(server, ask):
    """After a crash of the parent, supervisor starts everything anew: nothing old may be left."""
    client = ask("wait", "0")
    fork = fork_of(server, client)

    server.kill()

    assert client.wait(TIMEOUT_SECONDS) != 0
    assert is_gone(fork)


def test_ending_server_waits_for_its_forks(server, ask):
    """At `down` all are told to end at once; the parent goes last."""
    client = ask("wait", "0")
    fork = fork_of(server, client)

    server.terminate()
    client.terminate()

    assert is_gone(fork)
    assert server.wait(TIMEOUT_SECONDS) == 0
