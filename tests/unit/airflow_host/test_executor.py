"""The executor: it waits for news, and no worker waits for nothing."""

from __future__ import annotations

import os
import select
import selectors
import signal
import time
import warnings
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest

executor = pytest.importorskip("include.airflow_host.executor")
warm = pytest.importorskip("include.airflow_host.warm")

KEY = ("a_dag", "a_task", "a_run", 1, -1)
PATIENCE_SECONDS = 5  # what Airflow would wait; ours must stay far below it


class DyingSlowly:
    """A task's supervisor whose sockets have closed before its process has ended."""

    def __init__(self) -> None:
        self._open_sockets: dict[Any, str] = {}
        self.selector = selectors.DefaultSelector()

    def _check_subprocess_exit(self, **_: object) -> None:
        return None


class Results:
    """A queue of results with the reader that the executor waits for."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def empty(self) -> bool:
        """Tell whether there is none."""
        return not self._reader.poll()

    def get(self) -> Any:
        """Return the next one."""
        return self._reader.recv()


def make_executor(reader: Any, *, parallelism: int = 2, sockets: tuple[Any, ...] = ()) -> Any:
    """Build one that has started, without its workers and its database."""
    made = executor.WarmLocalExecutor(parallelism=parallelism)
    made.result_queue = Results(reader)
    made._successes = executor.Successes()
    made._waiter = type(
        "Silent", (), {"sockets": lambda _: list(sockets), "clear": lambda _: None}
    )()
    return made


def at_work(made: Any, *tasks: str) -> list[Any]:
    """Let tasks be in the executor's hands; return their keys."""
    from airflow.models.taskinstancekey import TaskInstanceKey

    keys = [TaskInstanceKey(*KEY)._replace(task_id=task) for task in tasks]
    made._at_work.update(keys)
    return keys


def seconds_of(act: Any) -> float:
    """Return how long it took."""
    start = time.monotonic()
    act()
    return time.monotonic() - start


@pytest.fixture
def pipe():
    """Give the two ends of a pipe."""
    import multiprocessing

    reader, writer = multiprocessing.Pipe(duplex=False)
    yield reader, writer
    reader.close()
    writer.close()


def test_worker_goes_on_when_the_sockets_of_its_task_have_closed():
    """Airflow 3.3.2 waits 5 s for nothing where a process dies a moment after its sockets."""
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess

    original = WatchedSubprocess._service_subprocess
    task = DyingSlowly()
    try:
        warm.reap_promptly()
        start = time.monotonic()
        WatchedSubprocess._service_subprocess(task, PATIENCE_SECONDS)
    finally:
        WatchedSubprocess._service_subprocess = original

    assert time.monotonic() - start < PATIENCE_SECONDS / 5


def test_supervisor_still_has_what_the_change_rests_on():
    """An Airflow without this attribute needs the change looked at again, or no longer."""
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess

    assert "_open_sockets" in {field.name for field in WatchedSubprocess.__attrs_attrs__}


def test_pause_is_long_while_nothing_happens(pipe):
    """An idle scheduler loops once a second: the pause after news is short once."""
    made = make_executor(pipe[0])

    assert seconds_of(made._wait) < executor.LONG_PAUSE_SECONDS / 2

    assert made._pause_seconds == executor.LONG_PAUSE_SECONDS


def test_finished_task_ends_the_pause(pipe):
    """The next task of a run does not wait for the end of a pause."""
    reader, writer = pipe
    made = make_executor(reader)
    made._pause_seconds = PATIENCE_SECONDS
    (key,) = at_work(made, "a")
    writer.send((key, "failed", None))

    assert seconds_of(made._wait) < PATIENCE_SECONDS / 5

    assert made._pause_seconds == executor.SHORT_PAUSE_SECONDS
    assert made.event_buffer == {key: ("failed", None)}


def test_success_ends_the_pause_and_its_result_does_not(pipe):
    """The next task is handed out while the first one's process ends; then there is nothing to do."""
    reader, writer = pipe
    made = make_executor(reader)
    made._pause_seconds = PATIENCE_SECONDS
    (key,) = at_work(made, "a")
    made._successes.say(key)

    assert seconds_of(made._wait) < PATIENCE_SECONDS / 5
    assert made._ended == 1
    assert not made.event_buffer

    writer.send((key, "success", None))
    made._pause_seconds, made._ended = 0.2, 0

    assert seconds_of(made._wait) >= 0.2
    assert made._ended == 0
    assert made.event_buffer == {key: ("success", None)}


def test_success_whose_result_was_read_before_is_no_news(pipe):
    """The two come by different ways; what is kept of a success is dropped with its result, which would not come."""
    made = make_executor(pipe[0])
    made._pause_seconds = 0.2
    made._successes.say(KEY)

    assert seconds_of(made._wait) >= 0.2

    assert not made._heard


def test_pauses_double_after_a_failure_and_not_after_a_success(pipe):
    """Airflow fails the tasks after a failed one in as many loops: the last may be one that runs after all."""
    reader, writer = pipe
    made = make_executor(reader)
    failed, well = at_work(made, "a", "b")

    writer.send(
        (failed, "success", None)
    )  # its process ended; what Airflow knows of its task is another thing
    made._wait()
    made._wait()
    assert made._pause_seconds == 2 * executor.SHORT_PAUSE_SECONDS
    made._wait()
    assert made._pause_seconds == 4 * executor.SHORT_PAUSE_SECONDS

    made._successes.say(well)
    writer.send((well, "success", None))
    made._wait()
    made._wait()
    assert made._pause_seconds == executor.LONG_PAUSE_SECONDS


def test_supervisor_says_a_success_and_nothing_else(monkeypatch):
    """A deferred task, or one that is tried again, has no next one."""
    from airflow.sdk.execution_time.comms import RescheduleTask, SucceedTask
    from airflow.sdk.execution_time.supervisor import ActivitySubprocess

    told: list[Any] = []
    monkeypatch.setattr(
        ActivitySubprocess, "_send_terminal_state_msg", lambda _, message: told.append(message)
    )
    successes = executor.Successes()
    successes.listen_to_supervisors()
    supervisor: Any = SimpleNamespace(ti=SimpleNamespace(key=KEY))
    over, later = SucceedTask.model_construct(), RescheduleTask.model_construct()

    ActivitySubprocess._send_terminal_state_msg(supervisor, later)
    ActivitySubprocess._send_terminal_state_msg(supervisor, over)

    assert told == [later, over]
    assert successes.heard() == {executor.Hands.mark_of(KEY)}
    with pytest.raises(BlockingIOError):
        successes.heard()


@pytest.mark.parametrize(
    ("ended", "sent", "pause"),
    [
        (1, 1, "WORKING_PAUSE_SECONDS"),  # the run's next task is at work: its end is what comes
        (0, 2, "WORKING_PAUSE_SECONDS"),
        (1, 0, "SHORT_PAUSE_SECONDS"),  # perhaps the server has not committed the end
        (2, 1, "SHORT_PAUSE_SECONDS"),
        (0, 0, "LONG_PAUSE_SECONDS"),
    ],
)
def test_pause_is_as_long_as_there_is_nothing_to_look_for(pipe, monkeypatch, ended, sent, pause):
    """A loop of the scheduler costs as much as a task."""
    made = make_executor(pipe[0])
    made._pause_seconds = executor.LONG_PAUSE_SECONDS
    made._ended, made._sent = ended, sent
    waited: list[float] = []
    monkeypatch.setattr(made, "_wait", lambda: waited.append(made._pause_seconds))
    monkeypatch.setattr(executor.LocalExecutor, "sync", lambda _: None)

    made.sync()

    assert waited == [getattr(executor, pause)]
    assert (made._ended, made._sent) == (0, 0)


class Endless:
    """Work that keeps a worker for as long as it lives."""

    running_state = None

    def __init__(self, key: Any) -> None:
        self.key = key

    @property
    def display_name(self) -> str:
        """Never say it: a worker asks before it begins."""
        select.select([], [], [])
        raise AssertionError


@contextmanager
def working(parallelism: int):
    """Give an executor with real workers; none of them is left."""
    made = executor.WarmLocalExecutor(parallelism=parallelism)
    made._hands = {}
    with warnings.catch_warnings():  # pytest has a thread, which no worker asks
        warnings.simplefilter("ignore", DeprecationWarning)
        executor.LocalExecutor.start(made)
        yield made
    for pid in made._hands:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def hand_out(made: Any, key: Any) -> Any:
    """Give work to the executor's workers; return the one that has it."""
    made.queued_tasks[key] = Endless(key)
    made._process_workloads([made.queued_tasks[key]])
    mark = executor.Hands.mark_of(key)
    wait_until(lambda: mark in [hands.held for hands in made._hands.values()])
    return next(made.workers[pid] for pid, hands in made._hands.items() if hands.held == mark)


def wait_until(is_so: Any) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_killed_worker_held_fails_at_once():
    """Airflow would wait for the heartbeat's time-out, and never count its slot as free."""
    from airflow.models.taskinstancekey import TaskInstanceKey

    key, other = TaskInstanceKey(*KEY), TaskInstanceKey(*KEY)._replace(task_id="another")
    with working(parallelism=2) as made:
        worker = hand_out(made, key)
        hand_out(made, other)

        worker.kill()
        wait_until(lambda: made._check_workers() or made.event_buffer)

        assert made.event_buffer == {key: ("failed", "its worker was killed")}
        assert set(made._at_work) == {other}


def test_no_slot_is_ever_taken():
    """Airflow 3.3.2 counts none of ours: a success lets the next task be handed out, also while all are at work."""
    from airflow.models.taskinstancekey import TaskInstanceKey

    with working(parallelism=1) as made:
        hand_out(made, TaskInstanceKey(*KEY))

        assert made.slots_available == 1


def test_idle_worker_that_is_killed_ends_the_scheduler():
    """It may have held the lock of the queue: a scheduler that starts anew is better than one that starts nothing."""
    with working(parallelism=2) as made:
        next(iter(made.workers.values())).kill()

        with pytest.raises(executor.IdleWorkerDiedError):
            wait_until(made._check_workers)

        made.end()
        assert made.event_buffer == {}


def test_second_process_of_a_try_is_known_while_the_first_ones_end_is_read():
    """Somebody answers at once: what Airflow reads then is not that the task was killed."""
    from airflow.models.taskinstancekey import TaskInstanceKey
    from airflow.utils.state import TaskInstanceState

    made = executor.WarmLocalExecutor(parallelism=1)
    key = TaskInstanceKey("dead_letter_review", "ask_people", "review.1", 1)
    task = type("Task", (), {"key": key, "id": "id"})
    made._at_work.update([key])  # it asks
    made._at_work.update([key])  # it has been answered

    known = []
    for _ in range(2):
        made.change_state(key, TaskInstanceState.SUCCESS)
        known.append(made.has_task(task))

    assert known == [True, False]


def test_work_that_is_handed_out_is_known_until_it_has_ended(monkeypatch):
    """What a worker has begun is not its end."""
    from airflow.utils.state import TaskInstanceState

    monkeypatch.setattr(executor.LocalExecutor, "_process_workloads", lambda *_: None)
    made = executor.WarmLocalExecutor(parallelism=1)
    task = type("Task", (), {"key": "a try", "id": "id"})

    made._process_workloads([task])
    made.change_state("a try", TaskInstanceState.RUNNING)

    assert made.has_task(task)
    made.change_state("a try", TaskInstanceState.FAILED)
    assert not made.has_task(task)
