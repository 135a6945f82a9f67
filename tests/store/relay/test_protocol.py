"""The head of a request: not for ever, and not without end (A8)."""

import socket
import threading
import time

import pytest
import uvicorn

from include.relay import protocol
from include.relay.protocol import GuardedProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def app(_scope, _receive, send):
    """Answer 204 to everything."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def port(monkeypatch):
    """Serve with a short patience, in a thread; give the port."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    config = uvicorn.Config(
        app, port=0, http=GuardedProtocol, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def is_closed(connection):
    """Tell whether the server has closed, waiting as long as the socket's time-out."""
    try:
        return connection.recv(4096) == b""
    except TimeoutError:
        return False


def test_a_head_that_trickles_in_is_given_up(port):
    """A byte now and then does not prolong it."""
    with connect(port) as connection:
        connection.sendall(REQUEST)
        connection.settimeout(0.05)
        begun = time.monotonic()
        while not is_closed(connection):
            connection.sendall(b"X")

    assert 0.3 < time.monotonic() - begun < 5


def test_a_connection_that_says_nothing_is_closed(port):
    """Connections are few; silence has no claim to one."""
    with connect(port) as connection:
        assert is_closed(connection)


def test_a_head_without_end_is_refused(port):
    """At 64 KiB, with an answer."""
    with connect(port) as connection:
        connection.sendall(REQUEST + b"X-Long: " + b"x" * 70_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_requests_in_time_are_answered_on_one_connection(port):
    """Keep-alive goes on, longer than one head may take."""
    with connect(port) as connection:
        for _ in range(4):
            connection.sendall(REQUEST + b"\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 204 ")
            time.sleep(0.2)
