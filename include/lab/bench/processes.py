"""CPU and memory of all processes of a stack.

CPU is counted per process tree: own time plus that of children that have ended and were waited for. The
sum over all living processes therefore grows by exactly what was used, also by processes that began and
ended in between, and nothing else that runs on the machine is in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass

import psutil

from include.lab.bench.errors import BenchError
from include.lab.stack.family import ROLE, members

MIB = 1024 * 1024
FORK_SERVER = "fork-server"  # whose children are Airflow's processes


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Proportional set size in MiB (shared pages divided by those who share them), by process name."""

    pss: dict[str, float]
    processes: dict[str, int]

    @property
    def total(self) -> float:
        """Return the sum, which is what the stack would give back."""
        return sum(self.pss.values())


def cpu_seconds(stack_id: str) -> dict[str, float]:
    """Return the CPU time that the stack's processes have used so far, by process name."""
    family = {process.pid: process for process in members(stack_id)}
    used: dict[str, float] = defaultdict(float)
    for process in family.values():
        with suppress(psutil.NoSuchProcess):  # a task that has just ended: its parent has its time
            used[name_of(process, family)] += _cpu_of(process)
    return used


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def memory(stack_id: str) -> Memory:
    """Return the memory of the stack's processes; raise BenchError where the system does not tell PSS."""
    family = {process.pid: process for process in members(stack_id)}
    pss: Counter[str] = Counter()
    processes: Counter[str] = Counter()
    for process in family.values():
        try:
            name, size = name_of(process, family), process.memory_full_info().pss
        except AttributeError:
            raise BenchError(
                "this system does not tell proportional set sizes; Linux does"
            ) from None
        except psutil.NoSuchProcess:
            continue  # a task that has just ended
        pss[name] += size
        processes[name] += 1
    sizes = {name: round(size / MIB, 1) for name, size in pss.most_common()}
    return Memory(pss=sizes, processes=dict(processes))


def name_of(process: psutil.Process, family: dict[int, psutil.Process]) -> str:
    """Return which process of the stack this is, or belongs to: supervisor's child it descends from."""
    lineage = [process]
    while (parent := family.get(lineage[0].ppid())) is not None:
        lineage.insert(0, parent)
    if len(lineage) == 1 or _role(lineage[0]):
        return _role(lineage[0]) or "supervisord"
    name = _role(lineage[1]) or "other"
    if name == FORK_SERVER and len(lineage) > 2:  # noqa: PLR2004 - supervisor, fork server, fork
        return _title(lineage[2])
    return name


def _role(process: psutil.Process) -> str:
    """Return what a process was started as; "" for supervisor, and where that cannot be read."""
    try:
        return process.environ().get(ROLE, "")
    except psutil.AccessDenied:
        return ""


def _title(process: psutil.Process) -> str:
    """Return the command in a title such as `airflow api_server -- host:127.0.0.1 port:8080`."""
    words = " ".join(process.cmdline()).split()
    return words[1].replace("_", "-") if len(words) > 1 else "other"
