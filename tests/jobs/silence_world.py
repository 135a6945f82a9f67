"""Two relays behind a proxy, the vendors who send to it, and the look of every quarter of an hour in moved time."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, cycle

import requests
import uvicorn

from include.alerts.rules import load
from include.console.app import create_app as create_console
from include.jobs.alert_rules import steps as alert_rules
from include.jobs.reconciliation import steps as reconciliation
from include.jobs.reconciliation.repair import RepairLimits
from include.jobs.reconciliation.webhooks import WebhookCheckContext, check_webhooks
from include.links import Links
from include.operate.deployment import Deployment
from include.relay.airflow_health import AirflowHealth
from include.relay.app import create_app
from include.relay.exposition import exposition
from include.relay.job_health import assess
from include.relay.metrics import facts_in
from include.routing import route_of
from include.settings import JobSettings, Settings
from include.vendors.stripe.client import Stripe
from tests.jobs.console.conftest import Console, Starts, login

STRIPE_SECRET = "whsec_sandbox_stripe"
CLERK_SECRET = "whsec_c2FuZGJveC1jbGVyay1zZWNyZXQtMDAwMQ=="
MINUTE = 60
PATIENCE_SECONDS = 60
WINDOW = 3600
runs = count(1)


class Proxy:
    """What stands before the relays: hands requests on, or answers itself with a status."""

    def __init__(self):
        """Listen on a free port."""
        self.relays = []
        self.answers = None  # (status, headers) in the place of a relay's
        self._turn = count()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                proxy.serve(self)

            def do_GET(self):
                proxy.serve(self)

            def log_message(self, *_):
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def serve(self, request):
        """Answer a request."""
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        status, headers, content = self._answer(request, body)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _answer(self, request, body):
        if self.answers is not None:
            return (*self.answers, b"")
        relay = self.relays[next(self._turn) % len(self.relays)]
        headers = {
            k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")
        }
        answer = requests.request(
            request.command, relay + request.path, data=body, headers=headers, timeout=20
        )
        return answer.status_code, {"content-type": "application/json"}, answer.content


@contextmanager
def relay_at(dsn, clock, **settings):
    """Run a relay in a thread, and give its address."""
    usual = {
        "database_url": dsn,
        "stripe_webhook_secrets": STRIPE_SECRET,
        "clerk_webhook_secrets": CLERK_SECRET,
        "airflow_url": "http://127.0.0.1:9",
        "store_timeout_seconds": 20,
    }
    app = create_app(Settings(**{**usual, **settings}), clock=clock)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    listener = server.config.bind_socket()
    listener.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()


@dataclass
class Post:
    """The way of a webhook, from the vendors to the inbox, and who watches it."""

    world: object
    proxy: Proxy
    relays: object  # an exit stack
    settings: JobSettings = field(default_factory=JobSettings)
    people: object = field(default_factory=lambda: cycle(["ada", "grace", "hedy", "mary", "jean"]))

    def start_relays(self, *settings, clock=None):
        """Start a relay for each of these settings in the place of those that run."""
        self.relays.close()
        self.proxy.relays = [
            self.relays.enter_context(relay_at(self.world.dsn, clock or self.world.clock, **one))
            for one in settings
        ]

    def use_key(self, key):
        """Ask Stripe with another key from now on."""
        url = f"{self.world.sandbox.url}/stripe"
        self.world.stripe = Stripe(key, base_url=url, timeout_seconds=20)

    def switch(self, **settings):
        """Change what the sandbox does."""
        self.world.sandbox.ask("PATCH", "settings", json=settings)

    def pass_minutes(self, minutes):
        """Move everybody's clock."""
        self.world.pass_time(seconds=minutes * MINUTE)
        self.switch(signing_skew_seconds=round(self.world.clock.seconds))

    def happen(self):
        """Let somebody join: both vendors have something to tell, and send what they send."""
        name = next(self.people)
        self.world.sandbox.act(
            "new_member",
            email=f"{name}@example.org",
            first_name=name.title(),
            last_name="L",
            via="clerk_first",
        )
        return self.send()

    def send(self):
        """Have the vendors send what they have not sent, once; return how the answers were."""
        wish = {"all_unsent": True}
        answers = self.world.sandbox.ask("POST", "webhooks/send", json=wish)["answers"]
        refused = answers.get("400", 0)
        self._until(lambda: self.refused() >= refused)
        return answers

    def refused(self):
        """Count the refusals that the relays have written down."""
        return self.world.query("SELECT coalesce(sum(count), 0)::int AS n FROM ops.rejections")[0][
            "n"
        ]

    def look(self, *, is_dry_run=False):
        """Look as `reconciliation` does, and return what keeps webhooks from coming."""
        run, world = f"look_{next(runs)}", self.world
        reconciliation.begin(run, {"dry_run": is_dry_run}, store=world.store, clock=world.clock)
        context = WebhookCheckContext(
            dag_run_id=run,
            store=world.store,
            stripe=world.stripe,
            clerk=world.clerk,
            clock=world.clock,
            settings=self.settings,
            limits=RepairLimits(is_dry_run=is_dry_run, most_percent=5.0),
        )
        check_webhooks(context)
        return world.store.webhooks.silences()

    def causes(self):
        """Look, and return whose webhooks do not come, and why."""
        return [(one.provider, one.cause) for one in self.look()]

    def endpoint(self, method, **form):
        """Change Stripe's endpoint as somebody in its dashboard would; return its id."""
        url = f"{self.world.sandbox.url}/stripe/v1/webhook_endpoints"
        key = {"Authorization": "Bearer sk_test_x"}
        found = requests.get(url, headers=key, timeout=20).json()["data"][0]["id"]
        requests.request(
            method, f"{url}/{found}", data=form, headers=key, timeout=20
        ).raise_for_status()

    def issues(self):
        """Return what `ops status` says is wrong with webhooks."""
        return [one for one in assess(self._facts()).issues if one.to_do in self._advice()]

    def metrics(self):
        """Return what Prometheus reads of it."""
        return exposition({}, self._facts())

    def console(self):
        """Return what the console's page about vendors says."""
        deployment = Deployment(database_url=self.world.dsn, airflow_url="http://127.0.0.1:9")
        app = create_console(deployment=lambda: deployment, login=login, start=Starts())
        return Console(app, "viewer").text("/vendors")

    def tell(self):
        """Evaluate all rules as `alert_rules` does; return all that people were told: (rule and what, text)."""
        now, store = self.world.clock.now(), self.world.store
        alert_rules.evaluate(
            load(),
            store=store,
            numbers=alert_rules.StoredNumbers(store, now=now),
            examples=lambda *_: (),
            links=Links(airflow_url="https://airflow.example.org"),
            now=now,
        )
        rows = self.world.query(
            "SELECT rule, what, message FROM ops.alert_events WHERE message IS NOT NULL ORDER BY id"
        )
        return [(f"{row['rule']} {row['what']}", " ".join(row["message"]["facts"])) for row in rows]

    def missing(self):
        """Return the people of whom Clerk knows and we do not, once the job has run on all that came."""
        world = self.world
        while rows := world.query("SELECT id FROM ops.inbox WHERE state = 'waiting' ORDER BY id"):
            world.run_rows([row["id"] for row in rows])
        emails = {member.email for member in world.members()}
        people = world.sandbox.ask("GET", "state/clerk")["users"]
        return {one["email_addresses"][0]["email_address"] for one in people} - emails

    def _facts(self):
        return facts_in(self.world.store, health=AirflowHealth(), now=self.world.clock.now())

    def _advice(self):
        return {one.to_do for one in self.world.store.webhooks.silences()}

    @staticmethod
    def _until(condition):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def starts_a_job(event):
    """Tell whether an event is one of those that must not be lost."""
    return route_of(event["vendor"], event["type"]).job is not None
