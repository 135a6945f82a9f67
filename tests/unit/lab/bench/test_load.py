import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from include.lab.bench.errors import BenchError
from include.lab.bench.load import LoadPlan, LoadResult, generate, read_order, write_order
from include.lab.bench.webhooks import http_request


class Server(ThreadingHTTPServer):
    """Answers 200, or what a path of digits says, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self):
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies = []
        self.clients = set()


class Handler(BaseHTTPRequestHandler):
    """Speaks for the server."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Keep the body and answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)
        self.server.clients.add(self.client_address)
        self.send_response(int(self.path[1:] or 200))
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    """Serve from a thread."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join(timeout=10)


def requests(count, path="/"):
    """Return distinct requests."""
    return [http_request(path, {}, str(number).encode()) for number in range(count)]


def test_an_order_is_read_as_it_was_written():
    """Bodies may hold anything, line ends too."""
    plan = LoadPlan(port=1, connections=2, seconds=3.5, rate=None)
    pipe = io.BytesIO()
    write_order(pipe, plan, [b"a\r\n\r\n", b"", b"\x00"])
    pipe.seek(0)

    assert read_order(pipe) == (plan, [b"a\r\n\r\n", b"", b"\x00"])


def test_every_request_is_sent_once(server):
    """As many answers as requests, over exactly the connections of the plan."""
    plan = LoadPlan(port=server.server_port, connections=4, seconds=20)

    outcome = generate(plan, requests(50))

    assert sorted(server.bodies) == sorted(str(number).encode() for number in range(50))
    assert outcome.statuses == {"200": 50}
    assert len(outcome.latencies) == 50
    assert len(server.clients) <= 4
    assert outcome.cpu_seconds > 0
    assert 0 < outcome.seconds < 20


def test_a_steady_pace_is_kept(server):
    """Ten requests at 50 a second take nine pauses of 20 ms, counted from when the first one was due."""
    plan = LoadPlan(port=server.server_port, connections=4, seconds=20, rate=50)

    outcome = generate(plan, requests(10))

    assert outcome.statuses == {"200": 10}
    assert outcome.seconds + max(outcome.latencies) >= 9 / 50


def test_the_time_is_a_limit(server):
    """What is not sent when the time is over stays unsent."""
    plan = LoadPlan(port=server.server_port, connections=1, seconds=0.2, rate=20)

    outcome = generate(plan, requests(1000))

    assert 1 <= outcome.statuses["200"] <= 5


def test_an_answer_that_is_no_success_is_no_figure(server):
    """A relay that refuses quickly must not look fast."""
    plan = LoadPlan(port=server.server_port, connections=1, seconds=20)
    outcome = generate(plan, [*requests(2), *requests(1, "/503")])

    with pytest.raises(BenchError, match="503"):
        outcome.require_success()


def test_nobody_there_is_said(capfd):
    """A generator that cannot connect fails; it does not report nothing as success."""
    plan = LoadPlan(port=1, connections=1, seconds=1)

    with pytest.raises(BenchError, match="load generator failed"):
        generate(plan, requests(1))

    assert "ConnectionRefusedError" in capfd.readouterr().err


def test_success_is_passed_on():
    """Every status of the 2xx is a success."""
    outcome = LoadResult(
        first_sent_at=1,
        last_answer_at=3,
        statuses={"200": 2, "201": 1},
        latencies=[],
        cpu_seconds=0,
    )

    assert outcome.require_success() is outcome
    assert outcome.seconds == 2
