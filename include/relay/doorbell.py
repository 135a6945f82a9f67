"""Waiting for whichever comes first: a notification of the database, a ring of this process, or the time."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg


class NotifyWaiter:
    """Rung by `NOTIFY` on its channel, and by `ring()` from another thread."""

    def __init__(self, channel: str) -> None:
        """Hang it up; it outlives the connections that it listens on."""
        self._channel = channel
        self._hand, self._bell = socket.socketpair()
        for end in (self._hand, self._bell):
            end.setblocking(False)  # noqa: FBT003 - the socket's own signature

    def listen(self, connection: psycopg.Connection[Any]) -> None:
        """Be rung by this connection's database from now on."""
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))

    def ring(self) -> None:
        """End the wait, or the next one."""
        try:
            self._hand.send(b"!")
        except BlockingIOError:
            return  # it rings already

    def wait(self, connection: psycopg.Connection[Any], seconds: float) -> None:
        """Return when it rings, at the latest after `seconds`."""
        if _take(connection):
            return  # what came while statements were running does not show at the socket
        ready, _, _ = select.select([self._bell.fileno(), connection.fileno()], [], [], seconds)
        if connection.fileno() in ready:
            _take(connection)
        if self._bell.fileno() in ready:
            self._bell.recv(4096)

    def close(self) -> None:
        """Take it down."""
        self._hand.close()
        self._bell.close()


def _take(connection: psycopg.Connection[Any]) -> bool:
    """Take the notifications that have come, so that the next wait is a wait."""
    return bool(list(connection.notifies(timeout=0)))
