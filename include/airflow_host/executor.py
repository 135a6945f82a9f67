"""Airflow's LocalExecutor, warm and woken: what takes a run from seconds to a second on one machine.

Two things cost time between the tasks of a run. Each task process imports what its parent has not
imported, so the parent imports it once, before it forks. And the scheduler sleeps between its loops,
so a finished task or a new run waits for the end of that sleep: here the loop waits *in* the executor,
for whichever comes first of a finished task, a notification that the relay has made a run, or
the pause. A task that has succeeded is finished as soon as Airflow knows it: while its process still ends,
the next one is handed out. A loop costs as much as a task, so there are few: one pause is
short where news led to nothing, because the API server commits a task's end a moment after it has answered; else it
is a second, the default's pace, and while tasks that were just handed out are at work somewhat longer than most take.
After an end that was no success the pauses double: each loop fails, or skips, one more of the tasks that come after it.

A worker that is killed is noticed: what it had in its hands fails and is tried again at once, instead of after
the heartbeat's time-out, and the slot it took is free again (docs/decisions/0025).

`[core] executor = include.airflow_host.executor.WarmLocalExecutor`, `[scheduler] scheduler_idle_sleep_time = 0`.
On several hosts the CeleryExecutor takes its place (`celery_config.py`). Measured in `docs/decisions/0002`.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing.connection
import os
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.sharedctypes import RawArray
from typing import TYPE_CHECKING, Any, Final

import psycopg
from airflow.executors.local_executor import LocalExecutor

from include.airflow_host.warm import warm_up
from include.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT_PAUSE_SECONDS = 0.05
WORKING_PAUSE_SECONDS = 0.25
LONG_PAUSE_SECONDS = 1.0
ENDED = ("success", "failed")
CHANNEL = "ops_scheduler"  # the relay notifies it when Airflow has accepted a run


class NotifyListener:
    """A connection that listens; silent, not broken, while the database is away."""

    def __init__(self, dsn: str) -> None:
        """Listen from now on, if the database is there."""
        self._dsn = dsn
        self._connection: psycopg.Connection[Any] | None = None
        self._listen()

    def _listen(self) -> None:
        try:
            self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=2)
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error:
            self._connection = None

    def sockets(self) -> list[int]:
        """Return the file descriptor to wait for, or none while the database is away."""
        if self._connection is None or self._connection.closed:
            self._listen()
        return [] if self._connection is None else [self._connection.fileno()]

    def clear(self) -> None:
        """Take the notifications that have come, so that the next wait is a wait."""
        if self._connection is None:
            return
        try:
            for _ in self._connection.notifies(timeout=0):
                pass
        except psycopg.Error:
            self._connection = None


class Hands:
    """The queue as one worker has it; which workload that worker took last is seen by its parent too."""

    EMPTY: Final = bytes(16)

    def __init__(self, queue: Any) -> None:
        """Have taken nothing yet; the memory is shared with what is forked from now on."""
        self._queue = queue
        self._held = RawArray("c", len(self.EMPTY))

    def get(self) -> Any:
        """Wait for a workload, with nothing in hand, and take it."""
        self._held.raw = self.EMPTY
        workload = self._queue.get()
        if workload is not None:
            self._held.raw = self.mark_of(workload.key)
        return workload

    @property
    def held(self) -> bytes:
        """Return the mark of what was taken last; EMPTY while the worker waits for more."""
        return bytes(self._held.raw)

    @classmethod
    def mark_of(cls, key: object) -> bytes:
        """Return a workload's mark."""
        return hashlib.blake2b(repr(key).encode(), digest_size=len(cls.EMPTY)).digest()


class Successes:
    """By which a worker says that Airflow knows of its task's success, some 20 ms before the task's process is gone."""

    def __init__(self) -> None:
        """Make the pipe, which is shared with what is forked from now on."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """Return the file descriptor to wait for."""
        return self._reader

    def say(self, key: object) -> None:
        """Say it; nobody who cannot hear it now is waited for, since the result comes all the same."""
        with suppress(OSError):
            os.write(self._writer, Hands.mark_of(key))

    def heard(self) -> set[bytes]:
        """Return the marks of what was said."""
        size = len(Hands.EMPTY)
        said = os.read(self._reader, 1024 * size)
        return {said[at : at + size] for at in range(0, len(said), size)}

    def listen_to_supervisors(self) -> None:
        """Have each task's supervisor say it once the server has taken the task's success."""
        from airflow.sdk.execution_time.comms import SucceedTask  # noqa: PLC0415 - imported when it is shared
        from airflow.sdk.execution_time.supervisor import ActivitySubprocess  # noqa: PLC0415

        supervised: Any = ActivitySubprocess
        send = supervised._send_terminal_state_msg  # noqa: SLF001 - no public way; the version is pinned

        def send_and_say(supervisor: Any, message: Any) -> None:
            send(supervisor, message)
            if isinstance(message, SucceedTask):
                self.say(supervisor.ti.key)

        supervised._send_terminal_state_msg = send_and_say  # noqa: SLF001


class IdleWorkerDiedError(RuntimeError):
    """A worker died while it waited, and perhaps with the lock of the queue that all others need."""

    def __init__(self) -> None:
        """Say what happens now."""
        super().__init__("a worker was killed while it waited for work: the scheduler starts anew")


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor with the imports done before the fork and a wait that something can end.

    It also knows what its workers have been given; Airflow 3.3.2 keeps no record of that. A task that waits for people
    is two processes of one try. Who answers within the second in which the first one ends, begins the second before
    the scheduler has read that end. Airflow takes that for a task that was killed, and fails it, unless its executor
    says that it has the task.
    """

    _hands: dict[int, Hands]  # by the worker's process id

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Begin with idle workers."""
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self._at_work: Counter[Any] = Counter()  # how many processes of each task's try
        self._heard: set[bytes] = set()  # the successes whose results are still to come
        self._sent = self._ended = 0  # since the last wait
        self._is_success = True  # what ended last
        self._pause_seconds = SHORT_PAUSE_SECONDS

    def start(self) -> None:
        """Import what tasks import, fork the workers, and listen."""
        warm_up()
        self._hands = {}
        self._successes = Successes()
        self._successes.listen_to_supervisors()
        super().start()
        gc.freeze()  # what was imported stays shared with the workers: no collection writes to it
        self._waiter = NotifyListener(load_settings().database_url.get_secret_value())

    def _process_workloads(self, workload_list: Sequence[Any]) -> None:
        self._sent += len(workload_list)
        self._at_work.update(workload.key for workload in workload_list)
        super()._process_workloads(workload_list)  # type: ignore[no-untyped-call]

    def change_state(self, key: Any, state: Any, *arguments: Any, **options: Any) -> None:
        """Pass on what became of a process."""
        super().change_state(key, state, *arguments, **options)
        if state in ENDED:
            self._at_work.subtract([key])
            self._at_work = +self._at_work
            mark = Hands.mark_of(key)
            self._is_success = mark in self._heard
            self._ended += not self._is_success
            self._heard.discard(mark)

    def has_task(self, task_instance: Any) -> bool:
        """Tell whether a task's try waits here, or is in a worker's hands."""
        return super().has_task(task_instance) or task_instance.key in self._at_work

    def sync(self) -> None:
        """Wait for news, then read the results."""
        if self._ended > self._sent:  # a run has ended, or an end is not committed yet
            self._pause_seconds = SHORT_PAUSE_SECONDS
        elif self._sent:
            self._pause_seconds = WORKING_PAUSE_SECONDS
        self._sent = self._ended = 0
        self._wait()
        super().sync()

    def _spawn_worker(self) -> None:
        queue: Any = self.activity_queue
        hands: Any = Hands(queue)
        self.activity_queue = hands  # what the new worker is given
        try:
            super()._spawn_worker()  # type: ignore[no-untyped-call]
        finally:
            self.activity_queue = queue
        self._hands[next(reversed(self.workers))] = hands

    def _check_workers(self) -> None:
        super()._check_workers()  # type: ignore[no-untyped-call]  # forgets who is dead
        if dead := self._hands.keys() - self.workers.keys():
            self._read_results()  # type: ignore[no-untyped-call]  # what they said before
            self._fail_what_was_held([self._hands.pop(pid).held for pid in dead])

    def _fail_what_was_held(self, marks: Sequence[bytes]) -> None:
        """Report what dead workers had in their hands, which Airflow tries again; raises IdleWorkerDiedError."""
        for key in [key for key in self._at_work if Hands.mark_of(key) in marks]:
            self.log.error("A worker was killed while it worked on %s", key)
            self.fail(key, "its worker was killed")
        if Hands.EMPTY in marks:
            for process in self.workers.values():
                process.kill()  # else the scheduler's end would wait for those that wait for the lock
                process.join()
            raise IdleWorkerDiedError

    def _wait(self) -> None:
        until = time.monotonic() + self._pause_seconds
        while news := multiprocessing.connection.wait(
            [self._results, self._successes, *self._waiter.sockets()],  # type: ignore[list-item]  # has a fileno
            timeout=max(0, until - time.monotonic()),
        ):
            if self._is_for_the_loop(news):
                self._pause_seconds = SHORT_PAUSE_SECONDS
                return
        doubled = min(2 * self._pause_seconds, LONG_PAUSE_SECONDS)
        self._pause_seconds = LONG_PAUSE_SECONDS if self._is_success else doubled

    @property
    def _results(self) -> Any:
        queue: Any = self.result_queue
        return queue._reader  # noqa: SLF001 - the queue has no public way to be waited for

    def _is_for_the_loop(self, news: Sequence[Any]) -> bool:
        """Read the news; tell whether the scheduler can do something that it could not do before."""
        ended = self._ended
        if self._successes in news:  # but for those whose results have been read already
            heard = self._successes.heard() & set(map(Hands.mark_of, self._at_work))
            self._heard |= heard
            self._ended += len(heard)
        if self._results in news:
            self._read_results()  # type: ignore[no-untyped-call]
        if is_rung := any(one not in (self._results, self._successes) for one in news):
            self._waiter.clear()
        return is_rung or self._ended > ended
