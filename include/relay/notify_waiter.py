"""Waiting for whichever comes first: a notification of the database, a call of this process, or the time."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg


class NotifyWaiter:
    """Waits until `NOTIFY` comes on its channel, or another thread calls `wake()`."""

    def __init__(self, channel: str) -> None:
        """Make it; it outlives the connections that it listens on."""
        self._channel = channel
        self._sender, self._receiver = socket.socketpair()
        for end in (self._sender, self._receiver):
            end.setblocking(False)  # noqa: FBT003 - the socket's own signature

    def listen(self, connection: psycopg.Connection[Any]) -> None:
        """Be woken by this connection's database from now on."""
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))

    def wake(self) -> None:
        """End the wait, or the next one."""
        try:
            self._sender.send(b"!")
        except BlockingIOError:
            return  # it is awake already

    def wait(self, connection: psycopg.Connection[Any], seconds: float) -> None:
        """Return when it is woken, at the latest after `seconds`."""
        if _take(connection):
            return  # what came while statements were running does not show at the socket
        ready, _, _ = select.select([self._receiver.fileno(), connection.fileno()], [], [], seconds)
        if connection.fileno() in ready:
            _take(connection)
        if self._receiver.fileno() in ready:
            self._receiver.recv(4096)

    def close(self) -> None:
        """Close its ends."""
        self._sender.close()
        self._receiver.close()


def _take(connection: psycopg.Connection[Any]) -> bool:
    """Take the notifications that have come, so that the next wait is a wait."""
    return bool(list(connection.notifies(timeout=0)))
