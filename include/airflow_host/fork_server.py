"""One parent for Airflow's processes, so that what all of them import is in memory once.

API server, scheduler, DAG processor and triggerer each import some 100 MiB of the same modules, which
takes each two seconds of a core. Here it is done once (`preload.py`); each process is a fork that shares those
pages. Supervisor still starts, watches, restarts and logs each of them by itself: what it starts is
`fork_client.py`, a few lines that hand their output and their arguments over a socket and then stand in
for the fork (signals go through, the exit code comes back, the end of one is the end of the other).
Measured in `docs/decisions/0002`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import psutil
from setproctitle import setproctitle

from include.airflow_host.preload import preload

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2)


class ForkServer:
    """The loop: a client connects and a fork begins; a fork ends and its client is told."""

    def __init__(self, path: str, run: Callable[[list[str]], int]) -> None:
        """Listen on the socket `path`, whose folder only we may enter; a fork ends with `run`'s code."""
        self._run = run
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - the path is short because it is relative to where we stand
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._clients: dict[socket.socket, int] = {}
        self._ending = False
        self._news, self._wakeup = socket.socketpair()
        self._news.settimeout(0)
        self._wakeup.settimeout(0)
        signal.set_wakeup_fd(self._wakeup.fileno())
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: object) -> None:
        self._ending = self._ending or number != signal.SIGCHLD

    def serve(self) -> None:
        """Fork for whoever asks, until a signal says to end and the last fork has ended."""
        while self._clients or not self._ending:
            for source in self._wait():
                if source is self._listener:
                    self._accept()
                elif source in self._clients:
                    self._abandon(source)
            self._reap()

    def _wait(self) -> list[socket.socket]:
        with selectors.DefaultSelector() as selector:
            for source in (self._listener, self._news, *self._clients):
                selector.register(source, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select()]
        with contextlib.suppress(BlockingIOError):
            self._news.recv(4096)
        return [source for source in ready if isinstance(source, socket.socket)]

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        message, descriptors, _, _ = socket.recv_fds(client, 65536, 2)
        if not message or self._ending:
            client.close()
            return
        child = os.fork()
        if child == 0:
            self._become(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._clients[client] = child
        client.sendall(f"{child}\n".encode())

    def _become(self, arguments: list[str], descriptors: list[int]) -> NoReturn:
        """Turn this fork into what was asked for, with the client's output."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for inherited in (self._listener, self._news, self._wakeup, *self._clients):
            inherited.close()
        os.setsid()
        _end_with_parent()
        for descriptor, standard in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        os._exit(self._run(arguments))

    def _abandon(self, client: socket.socket) -> None:
        """End the fork whose client is gone: nobody watches it any more."""
        _end_session(self._clients[client])
        os.waitpid(self._clients.pop(client), 0)
        client.close()

    def _reap(self) -> None:
        for client, child in list(self._clients.items()):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                del self._clients[client]
                _end_session(child)
                with contextlib.suppress(OSError):
                    client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                client.close()


def airflow(arguments: list[str]) -> int:
    """Run Airflow's command line and return its exit code."""
    from airflow import settings  # noqa: PLC0415 - imported by the parent; here it is only named
    from airflow.__main__ import main  # noqa: PLC0415

    setproctitle(f"airflow {arguments[0]}")
    settings.dispose_orm(do_log=False)
    settings.configure_orm()  # type: ignore[no-untyped-call]  # a pool of its own
    sys.argv = ["airflow", *arguments]
    try:
        main()  # type: ignore[no-untyped-call]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _end_session(leader: int) -> None:
    """Kill what a fork has started and not ended.

    A killed scheduler's workers and tasks hold its connection to Postgres open, and with it the lock on Airflow's
    pools that its transaction had: the next scheduler would start nothing (docs/decisions/0025).
    """
    for _ in range(2):  # what the first round killed may have forked in the meantime
        for pid in psutil.pids():
            with contextlib.suppress(OSError):
                if os.getsid(pid) == leader:
                    os.kill(pid, signal.SIGKILL)


def _end_with_parent() -> None:
    """Ask Linux to end this process when the fork server is gone, however that went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main(path: str) -> None:
    """Make what is shared, and serve."""
    preload()
    server = ForkServer(path, airflow)
    setproctitle("airflow fork-server")
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
