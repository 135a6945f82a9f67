"""All processes of a stack, and their end: what `down` promises is checked, not hoped for.

A process belongs to a stack when its environment carries the stack's id, when an ancestor's does, or,
where its environment cannot be read (Airflow's task processes hide theirs), when it is in the process
group of one that does.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psutil

MARKER = "OPS_STACK_ID"  # in the environment of every process of a stack
ROLE = "OPS_STACK_PROCESS"  # which process of the stack it is, or belongs to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


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


def end(
    stack_id: str, ask: Callable[[Iterable[psutil.Process]], None], *, patience_seconds: float
) -> list[str]:
    """Ask the whole family to end, kill what has not, and return the names of what had to be killed."""
    family = members(stack_id)
    ask(family)
    alive = _wait(family, patience_seconds)
    killed = []
    while alive := {one for one in alive if _is_alive(one)} | members(stack_id):
        killed += [name for name in map(_kill, alive) if name]
        _wait(alive, 5)
    return killed


def terminate(processes: Iterable[psutil.Process]) -> None:
    """Ask each to end."""
    for process in processes:
        try:
            process.terminate()
        except psutil.Error:
            continue


def _kill(process: psutil.Process) -> str:
    """Kill it and return what it was; "" when it had ended by then."""
    try:
        name = " ".join(process.cmdline()[:6]) or process.name()
        process.kill()
    except psutil.Error:
        return ""
    return f"{name} (process {process.pid})"


def _wait(processes: Iterable[psutil.Process], seconds: float) -> set[psutil.Process]:
    """Wait for all to end, at most `seconds`, and return those that have not."""
    deadline = time.monotonic() + seconds
    alive = {one for one in processes if _is_alive(one)}
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = {one for one in alive if _is_alive(one)}
    return alive
