"""`ops probe webhooks URL` against a real relay: what it says where the way is free, and where it is not."""

import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from include.errors import CommandError
from include.operate.deployment import Deployment
from include.operate.webhook_probe import probes_of, send
from include.store import Store
from tests.relay_process import CLERK_SECRET, STRIPE_SECRET, running_relay

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OTHER = "whsec_" + "b3RoZXI=" * 4


@pytest.fixture
def relay(database, tmp_path):
    """Run a relay; no Airflow is there, and it does not matter."""
    with running_relay(database, tmp_path) as relay:
        yield relay


def probe(store, url, *, seconds=60, **secrets):
    """Send what the command sends; return what it says."""
    usual = {"stripe_webhook_secrets": STRIPE_SECRET, "clerk_webhook_secrets": CLERK_SECRET}
    deployment = Deployment(
        database_url="postgresql://", airflow_url="http://127.0.0.1:9", **{**usual, **secrets}
    )
    return [send(one, store, seconds=seconds) for one in probes_of(deployment, url)]


@pytest.fixture
def front():
    """Give the maker of something in front that answers by itself."""
    servers = []

    def make(status, content=b"", **headers):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_probe_of_both_vendors_ends_in_rows_that_start_nothing(relay, store):
    """Each is signed, stored and ended: no job, no member, and nothing that counts as a vendor's."""
    said = probe(store, relay.url)

    rows = store.connection.execute(
        "SELECT provider, type, state, job, member_key, reason FROM ops.inbox ORDER BY id"
    ).fetchall()
    assert [row["provider"] for row in rows] == ["stripe", "clerk"]
    assert {(row["type"], row["state"], row["job"], row["member_key"]) for row in rows} == {
        ("ops.probe", "ignored", None, None)
    }
    assert store.inbox.mode_of("stripe") == "live"  # as where nothing has come yet
    assert {row["reason"] for row in rows} == {"a probe of our own: it starts nothing"}
    assert ["stored as row" in one for one in said] == [True, True]
    assert not store.webhooks.has_delivered("stripe")
    assert store.webhooks.delivered("clerk", since=LONG_AGO) == {}


def test_address_of_one_vendor_is_tried_with_each_of_its_secrets(database, store, tmp_path):
    """During a rotation there are two: a relay that does not know the second is told by its place."""
    with running_relay(database, tmp_path) as relay, pytest.raises(CommandError) as caught:
        probe(
            store,
            f"{relay.url}/webhooks/stripe",
            stripe_webhook_secrets=f"{STRIPE_SECRET},{OTHER}",
        )

    assert str(caught.value) == (
        f"{relay.url}/webhooks/stripe answers 400 (no signature matches): the relay does not take what is"
        " signed with OPS_STRIPE_WEBHOOK_SECRETS (2 of 2)"
    )
    [row] = store.connection.execute("SELECT provider FROM ops.inbox").fetchall()
    assert row["provider"] == "stripe"


def test_relay_without_a_secret_is_told(database, store, tmp_path):
    """It says so itself."""
    with (
        running_relay(database, tmp_path, clerk_webhook_secrets="") as relay,
        pytest.raises(CommandError, match=r"400 \(no secret is set\).*OPS_CLERK_WEBHOOK_SECRETS$"),
    ):
        probe(store, relay.url)


def test_relay_of_another_database_is_told(relay, postgres_server):
    """It answers 200, and our inbox has no such row."""
    postgres_server.execute("CREATE DATABASE ops_probe_test TEMPLATE ops_template_test")
    other = Store.connect(postgres_server.dsn("ops_probe_test"))
    try:
        with pytest.raises(CommandError, match="another deployment"):
            probe(other, relay.url, seconds=0.5)
    finally:
        other.close()
        postgres_server.execute("DROP DATABASE ops_probe_test WITH (FORCE)")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (404, {}, "answers 404: the proxy does not hand it on"),
        (301, {"Location": "https://x.example.org/?key=1"}, "(301) to https://x.example.org/: "),
        (200, {}, "answers 200, but not as a relay does"),
        (503, {}, "answers 503: that is not as a relay answers"),
        (400, {}, "answers 400"),
    ],
)
def test_what_stands_in_front_is_told(front, store, status, headers, words):
    """A proxy that answers itself loses every webhook; each of its answers has its sentence."""
    with pytest.raises(CommandError) as caught:
        probe(store, front(status, **headers))

    assert words in str(caught.value)


def test_clock_that_is_off_is_told(front, store):
    """It is no wrong secret."""
    refusal = b'{"error": "the timestamp is outside the tolerance"}'
    with pytest.raises(CommandError, match="the clock here or the relay's is wrong"):
        probe(store, front(400, refusal))


def test_database_of_the_relay_that_is_away_is_told(front, store):
    """The relay is there; its store is not."""
    with pytest.raises(CommandError, match="cannot store now"):
        probe(store, front(503, b'{"error": "the store does not answer"}'))


def test_name_that_is_in_no_dns_is_told(store):
    """As vendors would find it: not at all."""
    with pytest.raises(CommandError, match=r"DNS knows no hooks\.invalid"):
        probe(store, "https://hooks.invalid")


def test_port_without_tls_is_told(front, store):
    """Vendors speak TLS only."""
    with pytest.raises(CommandError, match="TLS"):
        probe(store, front(200).replace("http:", "https:"))


def test_port_where_nobody_listens_is_told(store):
    """One line, with what came."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(CommandError, match="cannot be reached"):
            probe(store, f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_other_path_is_refused(store):
    """`/webhooks/strip` is a slip of the pen, and no vendor's."""
    with pytest.raises(CommandError, match="the path is /webhooks/stripe"):
        probe(store, "https://hooks.example.org/webhooks/strip")
