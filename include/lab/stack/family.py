"""All processes of a stack, and their end: what `down` promises is checked, not hoped for.

A process belongs to a stack when its environment carries the stack's id, when an ancestor's does, or,
where its environment cannot be read (Airflow's task processes hide theirs), when it is in the process
group of one that does.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

MARKER = "OPS_STACK_ID"  # in the environment of every process of a stack
ROLE = "OPS_STACK_PROCESS"  # which process of the stack it is, or belongs to

if TYPE_CHECKING:
    from collections.abc import Iterable


def members(stack_id: str, role: str = "") -> set[psutil.Process]:
    """Return every living process of the stack, or only one part of it, without the caller."""
    wanted = {MARKER: stack_id, **({ROLE: role} if role else {})}
    processes = {one.pid: one for one in psutil.process_iter() if _is_alive(one)}
    marks = {pid: _carries(one, wanted) for pid, one in processes.items()}
    family = {pid for pid, mark in marks.items() if mark} - {os.getpid()}
    groups = {_group(pid) for pid in family} - {None, os.getpgrp()}
    family |= {pid for pid, mark in marks.items() if mark is None and _group(pid) in groups}
    family = _with_children(family, processes) - {os.getpid()}
    return {processes[pid] for pid in family}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _carries(process: psutil.Process, wanted: dict[str, str]) -> bool | None:
    """Tell whether a process' environment has all that is wanted, None where it cannot be read."""
    try:
        return wanted.items() <= process.environ().items()
    except psutil.AccessDenied:
        return None
    except (psutil.Error, OSError):
        return False


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _with_children(family: set[int], processes: dict[int, psutil.Process]) -> set[int]:
    """Add the children of the family, their children, and so on."""
    parents = {}
    for pid, process in processes.items():
        try:
            parents[pid] = process.ppid()
        except psutil.Error:
            continue
    family = set(family)
    while new := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= new
    return family


def heads(processes: set[psutil.Process]) -> set[psutil.Process]:
    """Return those whose parent is not among them: they know how to end their children."""
    pids = {one.pid for one in processes}
    return {one for one in processes if _parent(one) not in pids}


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def stop(
    processes: set[psutil.Process],
    *,
    ask: set[psutil.Process],
    number: int = signal.SIGTERM,
    seconds: float,
) -> list[str]:
    """Ask some to end, wait for all, kill what is left; return the names of what had to be killed."""
    for process in ask:
        with suppress(psutil.Error):
            process.send_signal(number)
    return _kill_all(_wait(processes, seconds))


def sweep(stack_id: str) -> list[str]:
    """Kill until nothing of the stack is left; return the names of what was."""
    killed = []
    while left := members(stack_id):
        killed += _kill_all(left)
    return killed


def _wait(processes: Iterable[psutil.Process], seconds: float) -> set[psutil.Process]:
    """Wait for all to end, at most `seconds`, and return those that have not."""
    deadline = time.monotonic() + seconds
    alive = {one for one in processes if _is_alive(one)}
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = {one for one in alive if _is_alive(one)}
    return alive


def _kill_all(processes: set[psutil.Process]) -> list[str]:
    killed = [name for name in map(_kill, processes) if name]
    _wait(processes, 5)
    return killed


def _kill(process: psutil.Process) -> str:
    """Kill it and return what it was; "" when it had ended by then."""
    try:
        name = " ".join(process.cmdline()[:6]).strip() or process.name()
        process.kill()
    except psutil.Error:
        return ""
    return f"{name} (process {process.pid})"
