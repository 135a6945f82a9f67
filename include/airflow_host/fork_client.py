"""Stand in for a fork of the fork server: `python -I -S fork_client.py SOCKET ARGUMENT…`.

Run as a bare script and from the standard library only, since it stays in memory beside its fork.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import time

TIMEOUT_SECONDS = 60
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR2)


def connect(path: str) -> socket.socket:
    """Return a connection to the fork server, which may still be importing."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            server.close()
            if time.monotonic() > deadline:
                sys.exit("the fork server does not answer")
            time.sleep(0.1)
        else:
            return server


def forward(child: int) -> None:
    """Hand every signal that would end us to the fork and its children; SIGINT to it alone: it ends them itself."""

    def pass_on(number: int, _frame: object) -> None:
        send = os.kill if number == signal.SIGINT else os.killpg
        with contextlib.suppress(ProcessLookupError):  # it has ended; its exit code is on the way
            send(child, number)

    for number in FORWARDED:
        signal.signal(number, pass_on)


def main(path: str, *arguments: str) -> None:
    """Ask for a fork, and end as it ends."""
    server = connect(path)
    socket.send_fds(server, [json.dumps(arguments).encode()], [1, 2])
    answers = server.makefile()
    child = answers.readline()
    if not child:
        sys.exit("the fork server is ending")
    forward(int(child))
    code = answers.readline()
    if not code:
        sys.exit("the fork server is gone")
    sys.exit(int(code) if int(code) >= 0 else 128 - int(code))


if __name__ == "__main__":
    main(*sys.argv[1:])
