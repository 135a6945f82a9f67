"""Start and stop a stack: what `up`, `down`, `demo` and `bench` share.

Order of a start: what an earlier stack has left is ended; ports; Postgres; the databases where
something changed; then everything else at once. Whatever fails on the way, nothing keeps running.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from include.errors import CommandError
from include.lab.shell import inherited_environment
from include.lab.stack import databases, family, ports, postgres, supervisor
from include.lab.stack.layout import Layout, write_private
from include.lab.stack.line import Line
from include.lab.stack.prepare import fingerprint
from include.lab.stack.programs import airflow_environment, base_environment
from include.lab.stack.readiness import Readiness
from include.lab.stack.settings import load_stack_settings
from include.lab.stack.stack import Stack, load_stack
from include.lab.stack.supervisor import Supervisor
from include.operate.deployment import NoDeploymentError
from include.operate.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.lab.stack.settings import StackSettings

STOP_PATIENCE_SECONDS = 60  # supervisor gives the others 20 s, and after them Postgres 30
ORPHANS_PATIENCE_SECONDS = 5  # what supervisor's end has not ended already
POSTGRES_PATIENCE_SECONDS = 60  # it may have to recover first
PORTS_LOCK = Path(tempfile.gettempdir()) / f"wdai-ops-ports-{os.getuid()}.lock"
"""Held from the choice of ports until the stack is healthy: two that start at once would choose the same."""


def layout() -> Layout:
    """Return where the stack of this checkout is, or the one that `OPS_STATE_DIR` names."""
    state = load_stack_settings().state_dir
    return Layout(state=state.absolute()) if state else Layout()


def running(at: Layout) -> Stack | None:
    """Return the stack that is up, None where none is."""
    stack = load_stack(at.stack_file)
    return stack if stack and Supervisor(stack).is_up() else None


def running_or_error(at: Layout) -> Stack:
    """Return the stack that is up; raise NoDeploymentError saying how to start one."""
    stack = running(at)
    if stack is None:
        raise NoDeploymentError("no stack is up: start one with ./ops up")
    return stack


def up(at: Layout, *, tied: bool) -> Stack:
    """Return a healthy stack, started if it was not up; raise CommandError, with nothing left running.

    A `tied` stack ends with this process, however that ends.
    """
    at.make()
    with exclusive(at.lock_file):
        if stack := running(at):
            return stack
        _check_files()
        with exclusive(PORTS_LOCK):
            return _started(at, load_stack_settings(), tied=tied)


def _started(at: Layout, settings: StackSettings, *, tied: bool) -> Stack:
    stack = _new_stack(at, settings)
    try:
        _start(at, stack, settings, tied=tied)
    except BaseException:
        _end(at, stack)
        raise
    return stack


def _check_files() -> None:
    """Refuse to start with alert rules or a membership policy that cannot be used."""
    from include.alerts import rules  # noqa: PLC0415 - only for a start
    from include.membership import policy  # noqa: PLC0415
    from include.strict_yaml import FileError  # noqa: PLC0415

    try:
        rules.load()
        policy.load()
    except FileError as error:
        raise CommandError(f"what is set up cannot be used:\n{error}") from None


def down(at: Layout) -> bool:
    """End the stack and whatever one has left behind; return whether there was anything."""
    stack = load_stack(at.stack_file)
    if stack is None:
        return False
    with exclusive(at.lock_file):
        if not family.members(stack.id):
            return False
        _end(at, stack)
    return True


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """Let one command at a time start or stop a stack: this one, or by `PORTS_LOCK` any of this machine's user."""
    with lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("ops: another ./ops is starting or stopping a stack; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _new_stack(at: Layout, settings: StackSettings) -> Stack:
    """Return the kept stack, or a new one, on ports that are free now; end what it has left running."""
    stack = load_stack(at.stack_file) or Stack()
    if family.members(stack.id):
        say("ops: an earlier stack was not stopped in order; ending what it has left")
        _end(at, stack)
    wanted = {
        "relay": settings.relay_port,
        "sandbox": settings.sandbox_port,
        "airflow": settings.airflow_port,
        "postgres": settings.postgres_port,
        "smtp": settings.smtp_port,
    }
    chosen, moved = ports.choose(wanted, stack.ports)
    for line in moved:
        say(f"ops: {line}")
    stack = replace(
        stack,
        ports=chosen,
        other_database_url=_secret(settings.database_url),
        other_airflow_database_url=_secret(settings.airflow_database_url),
    )
    stack.save(at.stack_file)
    return stack


def _start(at: Layout, stack: Stack, settings: StackSettings, *, tied: bool) -> None:
    """Start everything and wait until it is healthy."""
    line = Line()
    line.show("ops: starting: Postgres")
    _check_other_databases(stack)
    if stack.runs_postgres:
        postgres.initialise(at, stack)
    write_private(at.supervisor_conf, supervisor.configuration(at, stack))
    at.supervisor_log.unlink(missing_ok=True)
    daemon = supervisor.start(at, stack, tied=tied)
    if stack.runs_postgres:
        databases.wait_until_it_answers(
            stack.postgres_url,
            seconds=POSTGRES_PATIENCE_SECONDS,
            gave_up=lambda: daemon.poll() is not None,
        )
    _prepare(at, stack, line)
    processes = Supervisor(stack)
    processes.start_the_rest()
    seconds = Readiness(at, stack, processes, line, seconds=settings.start_timeout_seconds).wait()
    say(f"ops: healthy after {seconds:.0f} s")


def _check_other_databases(stack: Stack) -> None:
    if stack.other_database_url:
        databases.check(stack.other_database_url, "OPS_DATABASE_URL")
    if stack.other_airflow_database_url:
        databases.check(stack.other_airflow_database_url, "OPS_AIRFLOW_DATABASE_URL")


def _prepare(at: Layout, stack: Stack, line: Line) -> None:
    """Prepare the databases unless nothing has changed since they were."""
    wanted = fingerprint(at, stack)
    if at.prepared_file.exists() and at.prepared_file.read_text() == wanted:
        return
    line.show("ops: preparing the databases")
    environment = base_environment(inherited_environment(), at, stack) | airflow_environment(
        at, stack
    )
    command = [at.python, "-P", "-m", "include.lab.stack.prepare", str(at.state)]
    with at.log_of("prepare").open("w") as log:
        done = subprocess.run(  # noqa: S603
            command, env=environment, cwd=at.state, stdout=log, stderr=log, check=False
        )
    if done.returncode:
        lines = at.log_of("prepare").read_text(errors="replace").splitlines()
        last = next((text for text in reversed(lines) if text.strip()), "no reason given")
        raise CommandError(f"the databases cannot be prepared: {last} ({at.log_of('prepare')})")
    write_private(at.prepared_file, wanted)


def _end(at: Layout, stack: Stack) -> None:
    """End every process of the stack, and say which had to be killed."""
    with _undisturbed():
        killed = _end_in_order(at, stack) + family.sweep(stack.id)
    for name in killed:
        say(f"ops: did not end when asked and was killed: {name}")


def _end_in_order(at: Layout, stack: Stack) -> list[str]:
    """Ask supervisor to end all; where it is gone, end first the others and then Postgres."""
    everyone = family.members(stack.id)
    if daemon := {one for one in everyone if _is_supervisor(one)}:
        return family.stop(everyone, ask=daemon, seconds=STOP_PATIENCE_SECONDS)
    database = family.members(stack.id, role="postgres")
    others = everyone - database
    killed = family.stop(others, ask=family.heads(others), seconds=ORPHANS_PATIENCE_SECONDS)
    server = {one for one in database if one.pid == postgres.postmaster_pid(at)}
    return killed + family.stop(
        database, ask=server, number=signal.SIGINT, seconds=STOP_PATIENCE_SECONDS
    )


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore further signals: whoever asks twice to stop gets it once, but whole."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _secret(value: object) -> str:
    """Return the text of a secret setting, "" for none."""
    get = getattr(value, "get_secret_value", None)
    return str(get()) if get else ""
