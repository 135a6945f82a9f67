"""Processes of a stack that die or freeze while it works."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from include.lab.stack import family
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

TASK = re.compile(r"airflow worker -- [0-9a-f]{8}-")
WORKER = "airflow worker -- LocalExecutor"
AIRFLOW = re.compile(r"airflow (scheduler|triggerer|dag[-_]processor|api[-_]server)\b")
SCHEDULER = "scheduler"
ROLES = ("task", "worker", "relay", "api-server", "triggerer", "dag-processor")
GONE_SECONDS = 10


def role_of(process: psutil.Process) -> str:
    """Return which part of the stack a process is, "" for what is not to be killed."""
    with suppress(psutil.Error):
        title = " ".join(process.cmdline())
        if TASK.match(title):
            return "task"
        if title.startswith(WORKER) and process.children():
            return "worker"  # one that has a task in its hands
        if named := AIRFLOW.match(title):
            return named[1].replace("_", "-")
        if title.endswith("include.relay"):
            return "relay"
    return ""


class Chaos:
    """Kills and freezes processes of one stack, and counts what it really did."""

    def __init__(self, stack_id: str) -> None:
        """Have done nothing yet."""
        self._stack_id = stack_id
        self.killed: Counter[str] = Counter()
        self.frozen: list[psutil.Process] = []

    def living(self) -> dict[str, list[psutil.Process]]:
        """Return the processes by role."""
        found = defaultdict(list)
        for process in family.members(self._stack_id):
            found[role_of(process)].append(process)
        return found

    def kill(self, role: str, *, seconds: float) -> bool:
        """Kill (-9) a process of this role as soon as there is one; tell whether there was, in this time."""

        def one_is_dead() -> bool:
            for process in self.living()[role]:
                if process not in self.frozen and self._dies(process, role):
                    self.killed[role] += 1
                    return True
            return False

        return until(one_is_dead, seconds)

    def freeze_a_task(self, is_wanted: Callable[[psutil.Process], bool], *, seconds: float) -> bool:
        """Stop a task and the worker that watches it, so that neither does anything nor says a word.

        Which one is decided while it stands still, else it would be over by then.
        """

        def one_is_frozen() -> bool:
            for task in self.living()["task"]:
                self._suspend(task)
                if len(self.frozen) == 2 and is_wanted(task):
                    return True
                self.thaw()
            return False

        return until(one_is_frozen, seconds)

    def _suspend(self, task: psutil.Process) -> None:
        with suppress(psutil.Error):
            worker = task.parent()
            if worker is not None and worker.cmdline()[0].startswith(WORKER):
                worker.suspend()
                self.frozen = [worker]
                task.suspend()
                self.frozen += [task]

    def thaw(self) -> int:
        """Let the frozen go on; return how many of them were still there."""
        woken = 0
        for process in self.frozen:
            with suppress(psutil.Error):
                process.resume()
                woken += 1
        self.frozen = []
        return woken

    @staticmethod
    def _dies(process: psutil.Process, role: str) -> bool:
        """Kill it and see it gone; False where it had ended by itself, or has no task in its hands any more."""
        with suppress(psutil.Error):
            process.suspend()  # what it is now is what dies
            if role_of(process) != role:
                process.resume()
                return False
            process.kill()
            return until(lambda: not family._is_alive(process), GONE_SECONDS)
        return False
