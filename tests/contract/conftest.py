"""A sandbox on a real port, and the vendors' own packages pointed at it."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import mailchimp_marketing
import pytest
import requests
import stripe
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from include.lab.sandbox.server import create_server
from include.lab.sandbox.settings import SandboxSettings
from tests import contracts

STRIPE_SECRET = "whsec_sandbox_stripe"
CLERK_SECRET = "whsec_c2FuZGJveC1jbGVyay1zZWNyZXQtMDAwMQ=="


@dataclass(frozen=True)
class LiveSandbox:
    """A sandbox that runs, and what a test asks of it over `/_sandbox`."""

    url: str
    settings: SandboxSettings

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Call the control interface; an answer that is no success fails the test."""
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", timeout=10, **arguments)
        assert answer.ok, answer.text
        return answer.json()

    def act(self, story: str, **details: Any) -> dict[str, Any]:
        """Play a story."""
        return self.ask("POST", "act", json={"story": story, **details})

    def fault(self, vendor: str, kind: str, **details: Any) -> dict[str, Any]:
        """Order a fault."""
        return self.ask("POST", "faults", json={"vendor": vendor, "kind": kind, **details})

    def fired(self) -> int:
        """Count how often all faults fired."""
        return sum(fault["fired"] for fault in self.ask("GET", "faults")["faults"])

    def calls(self, **filters: Any) -> dict[str, Any]:
        """Return the calls that fit."""
        return self.ask("GET", "calls", params=filters)

    def count(self, vendor: str, method: str = "*", path: str = "*") -> int:
        """Count the calls that fit."""
        filters = {"vendor": vendor, "path": path, "limit": 0}
        return self.calls(**filters, **({} if method == "*" else {"method": method}))["count"]

    def events(self) -> list[dict[str, Any]]:
        """Return all events with their payloads, oldest first."""
        return self.ask("GET", "webhooks", params={"payloads": True})["events"]

    def violations(self) -> list[dict[str, Any]]:
        """Return where something did not fit a vendor's description."""
        return self.ask("GET", "violations")["violations"]


@dataclass(frozen=True)
class Received:
    """One delivery as the relay got it."""

    path: str
    headers: dict[str, str]
    body: bytes


class Relay:
    """What stands where the relay would: keeps every delivery, answers what it was told to."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.received: list[Received] = []
        self.next_answers: deque[int] = deque()
        self.enough = threading.Condition()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(relay.take(Received(self.path, headers, body)))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def take(self, received: Received) -> int:
        """Keep a delivery and return the status to answer."""
        with self.enough:
            self.received.append(received)
            self.enough.notify_all()
            return self.next_answers.popleft() if self.next_answers else 200

    def wait_for(self, count: int) -> list[Received]:
        """Return the deliveries as soon as there are so many; fail after ten seconds."""
        with self.enough:
            assert self.enough.wait_for(lambda: len(self.received) >= count, timeout=10)
            return list(self.received)


@contextmanager
def served(http: ThreadingHTTPServer) -> Iterator[None]:
    """Serve from a thread."""
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield
    http.shutdown()
    http.server_close()
    thread.join(timeout=10)


@pytest.fixture(scope="session")
def running_relay() -> Iterator[Relay]:
    """One stand-in relay for all tests of the session."""
    relay = Relay()
    with served(relay.http):
        yield relay


@pytest.fixture
def relay(running_relay: Relay) -> Relay:
    """Give the stand-in relay, empty and answering 200."""
    running_relay.received.clear()
    running_relay.next_answers.clear()
    return running_relay


@pytest.fixture(scope="session")
def running_sandbox(running_relay: Relay) -> Iterator[LiveSandbox]:
    """One sandbox for all tests of the session, on a free port."""
    settings = SandboxSettings(
        port=0,
        smtp_port=0,
        relay_url=running_relay.url,
        contracts_dirs=contracts.FOLDERS,
        stripe_webhook_secrets=STRIPE_SECRET,
        clerk_webhook_secrets=CLERK_SECRET,
    )
    server = create_server(settings)
    listener = server.config.bind_socket()
    listener.listen()  # from here on a client waits instead of being refused
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    sandbox = LiveSandbox(f"http://127.0.0.1:{listener.getsockname()[1]}", settings)
    sandbox.ask("GET", "healthz")
    yield sandbox
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()
    assert not thread.is_alive()


@pytest.fixture
def sandbox(running_sandbox: LiveSandbox) -> LiveSandbox:
    """Give the sandbox as after a start: nothing in it but lists and prices."""
    running_sandbox.ask("POST", "reset")
    return running_sandbox


@pytest.fixture
def checked(sandbox: LiveSandbox) -> Iterator[LiveSandbox]:
    """Give the sandbox, whose every call and answer must fit what is described of the vendors."""
    yield sandbox
    found = sandbox.violations()
    assert not found, [violation["what"] for violation in found]


@pytest.fixture
def stripe_client(checked: LiveSandbox) -> stripe.StripeClient:
    """Stripe's own package, pointed at the sandbox."""
    return stripe_client_of(checked)


def stripe_client_of(sandbox: LiveSandbox, **options: Any) -> stripe.StripeClient:
    """Return Stripe's client for a sandbox."""
    return stripe.StripeClient(
        "sk_test_sandbox", base_addresses={"api": f"{sandbox.url}/stripe"}, **options
    )


@pytest.fixture(params=["2026-10-28.endive", "2023-08-16"])
def either_shape(checked: LiveSandbox, request: pytest.FixtureRequest) -> stripe.StripeClient:
    """Stripe's own package on an account of each API version we hold."""
    checked.ask("PATCH", "settings", json={"stripe_shape": request.param})
    return stripe_client_of(checked, stripe_version=request.param)


@pytest.fixture
def mailchimp(checked: LiveSandbox) -> mailchimp_marketing.Client:
    """Mailchimp's own package, pointed at the sandbox."""
    return mailchimp_client_of(checked)


@pytest.fixture
def loose_mailchimp(sandbox: LiveSandbox) -> mailchimp_marketing.Client:
    """Mailchimp's own package, for calls that no description allows."""
    return mailchimp_client_of(sandbox)


def mailchimp_client_of(sandbox: LiveSandbox) -> mailchimp_marketing.Client:
    """Return Mailchimp's client for a sandbox."""
    client = mailchimp_marketing.Client({"api_key": "sandbox-us6", "timeout": 10})
    client.api_client.host = f"{sandbox.url}/mailchimp/3.0"
    return client


@pytest.fixture
def slack(checked: LiveSandbox) -> WebClient:
    """Slack's own package with a bot's token, pointed at the sandbox."""
    return slack_client_of(checked)


@pytest.fixture
def slack_admin(checked: LiveSandbox) -> WebClient:
    """Slack's own package with the owner's token."""
    return slack_client_of(checked, admin=True)


def slack_client_of(sandbox: LiveSandbox, *, admin: bool = False) -> WebClient:
    """Return Slack's client for a sandbox, of the bot or of the owner; nothing is tried twice."""
    token = "xoxp-sandbox" if admin else "xoxb-sandbox"
    return WebClient(token, base_url=f"{sandbox.url}/slack/api/", retry_handlers=[], timeout=10)


def slack_code_of(call: Any, *arguments: Any, **named: Any) -> str:
    """Return the code that a call to Slack is refused with; one that is not fails the test."""
    with pytest.raises(SlackApiError) as caught:
        call(*arguments, **named)
    return caught.value.response["error"]


@pytest.fixture
def clerk(checked: LiveSandbox) -> Iterator[requests.Session]:
    """Give a session with a Clerk key; addresses begin at `clerk.base`."""
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer sk_test_sandbox"
        session.base = f"{checked.url}/clerk/v1"  # type: ignore[attr-defined]
        yield session


@pytest.fixture
def luma(checked: LiveSandbox) -> Iterator[requests.Session]:
    """Give a session with a Luma key; addresses begin at `luma.base`."""
    with requests.Session() as session:
        session.headers["x-luma-api-key"] = "sandbox"
        session.base = f"{checked.url}/luma/v1"  # type: ignore[attr-defined]
        yield session
