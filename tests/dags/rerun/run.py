"""A run of a DAG, its tasks one after the other: what the scheduler decides, so far as our DAGs use it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from tests.airflow_task import load_dags, run_task

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

GOOD = ("success", "skipped")
BAD = ("failed", "upstream_failed")
BEFORE = {
    ("cursor.py", "execute"),
    ("cursor.py", "executemany"),
    ("transaction.py", "__exit__"),
    ("client.py", "putrequest"),
    ("smtplib.py", "mail"),
}
AFTER = {("client.py", "getresponse"), ("smtplib.py", "data")}
"""Where a process dies: before a statement, a commit or a call goes out, and after a call was answered."""


def job_tasks(dag_id: str) -> list[str]:
    """Return the tasks that do something, in their order; a wait in the triggerer is none of them."""
    order = load_dags().dags[dag_id].topological_sort()
    return [task.task_id for task in order if not task.start_from_trigger]


class Run:
    """One run: which of its tasks have ended, how, and after how many tries."""

    def __init__(
        self,
        dag_id: str,
        run_id: str,
        conf: dict[str, Any],
        *,
        without: Collection[str] = (),
        answer: dict[str, Any] | None = None,
    ) -> None:
        """Start with no task begun; those that it is `without` count as ended well.

        A task that waits for people gets the `answer`.
        """
        self.answer = answer
        self.dag = load_dags().dags[dag_id]
        self.run_id, self.conf = run_id, conf
        self.tasks = [task for task in job_tasks(dag_id) if task not in without]
        self.states: dict[str, str] = {}
        self.tries: Counter[str] = Counter()
        self.limits = {task: self.dag.get_task(task).retries for task in self.tasks}

    @property
    def is_green(self) -> bool:
        """Tell whether all tasks have ended well."""
        return {self.states.get(task) for task in self.tasks} <= set(GOOD)

    def until(self, task: str) -> Run:
        """Run what comes before a task."""
        for one in self.tasks[: self.tasks.index(task)]:
            self.step(one)
        return self

    def go(self) -> Run:
        """Run whatever has not ended."""
        for task in self.tasks:
            self.step(task)
        return self

    def step(self, task: str, *, is_last_try: bool = False) -> None:
        """Let a task end, unless it has: with all its tries, or with its last one alone."""
        if task in self.states:
            return
        verdict = self._verdict(task)
        if verdict:
            self.states[task] = verdict
            return
        if is_last_try:
            self.tries[task] = self.limits[task]
        while task not in self.states:
            end = self._try(task)
            if end.state == "awaiting_input":
                self.tries[task] -= 1
                end = self._try(task, event=self.answer)
            if end.state != "up_for_retry":
                self.states[task] = end.state
                for skipped in end.skipped:
                    self.states.setdefault(skipped, "skipped")

    def kill(self, task: str, at: int) -> int:
        """Run a try in a process that is killed (-9) at its so-manieth word to the outside; 0: never.

        Returns how many words it said.
        """
        with Child(lambda: self._try(task), at, signal.SIGKILL) as child:
            words = child.words()
        assert child.fired == bool(at)
        self.tries[task] += 1
        return words

    def begin(self, task: str, at: int, number: signal.Signals) -> Child:
        """Begin a try in a process of its own that gets a signal at its so-manieth word to the outside."""
        child = Child(lambda: self._try(task), at, number)
        self.tries[task] += 1
        return child

    def clear(self, *tasks: str, following: bool = False) -> Run:
        """Clear tasks as a person does in the UI, and what follows them if wished."""
        for task in self._with_following(tasks) if following else tasks:
            self.states.pop(task, None)
            self.limits[task] = self.tries[task] + self.dag.get_task(task).retries
        return self

    def _with_following(self, tasks: Collection[str]) -> set[str]:
        later = {
            task: self.dag.get_task(task).get_flat_relative_ids(upstream=False) for task in tasks
        }
        return (set(tasks) | set().union(*later.values())) & set(self.tasks)

    def _try(self, task: str, **options: Any) -> Any:
        self.tries[task] += 1
        return run_task(
            self.dag.dag_id,
            task,
            run_id=self.run_id,
            conf=self.conf,
            try_number=self.tries[task],
            max_tries=self.limits[task],
            **options,
        )

    def _verdict(self, task: str) -> str:
        """Return how a task ends that is not begun because of those before it; "" if it is begun."""
        operator = self.dag.get_task(task)
        before = {self.states[one] for one in operator.upstream_task_ids if one in self.tasks}
        if operator.trigger_rule == "all_done":
            return ""
        if before & set(BAD):
            return "upstream_failed"
        skips = operator.trigger_rule == "all_success" and "skipped" in before
        return "skipped" if skips else ""


class Child:
    """A process that does something, and gets a signal at one of its words to the outside."""

    def __init__(self, work: Callable[[], object], at: int, number: signal.Signals) -> None:
        """Let it begin."""
        self._told, writing = os.pipe()
        self.fired = False
        with (
            warnings.catch_warnings()
        ):  # the sandbox's thread is left behind, and not asked in the child
            warnings.simplefilter("ignore", DeprecationWarning)
            self._id = os.fork()
        if not self._id:
            Deadline(at, writing, number).arm()
            try:
                work()
            finally:
                os._exit(0)
        os.close(writing)

    def __enter__(self) -> Self:
        """Give the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for its end."""
        self.end()

    def words(self) -> int:
        """Wait until it says nothing more, and return how many words it said."""
        with os.fdopen(self._told, "rb") as told:
            return len(told.read())

    def stopped_or_ended(self) -> bool:
        """Wait until it is frozen or has ended; tell whether it is frozen."""
        _, status = os.waitpid(self._id, os.WUNTRACED)
        self.fired = os.WIFSTOPPED(status)
        self._id = self._id if self.fired else 0
        return self.fired

    def end(self, *, wake: bool = False) -> None:
        """Wait for its end, which a frozen one has to be woken for."""
        if not self._id:
            return
        if wake:
            os.kill(self._id, signal.SIGCONT)
        _, status = os.waitpid(self._id, 0)
        self._id = 0
        self.fired = self.fired or os.waitstatus_to_exitcode(status) == -signal.SIGKILL


class Deadline:
    """Counts a process's words to the outside, and kills or freezes it at one of them."""

    def __init__(self, at: int, told: int, number: signal.Signals) -> None:
        """Send the signal at word number `at`; write a byte per word into `told`."""
        self._at, self._told, self._number = at, told, number
        self._words, self._lock = 0, threading.Lock()

    def arm(self) -> None:
        """Listen in this thread and in those to come."""
        threading.setprofile(self._listen)
        sys.setprofile(self._listen)

    def _listen(self, frame: Any, event: str, _: Any) -> None:
        if event not in ("call", "return"):
            return
        code = frame.f_code
        place = (code.co_filename.rpartition("/")[2], code.co_name)
        if place in (BEFORE if event == "call" else AFTER):
            self._speak()

    def _speak(self) -> None:
        with self._lock:
            self._words += 1
            os.write(self._told, b".")
            if self._words == self._at:
                os.kill(os.getpid(), self._number)
