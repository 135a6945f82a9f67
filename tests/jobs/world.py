"""The world a job works in: a real Postgres, the vendors on the wire, and the job's steps as the DAG calls them."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import orjson
import requests

from include.clock import SystemClock
from include.jobs.mailchimp_sync import steps as job
from include.jobs.member_deactivation import steps as member_deactivation
from include.membership.policy import shipped
from include.routing import route_of
from include.store import Store
from include.store.inbox import Arrival, InboxState
from include.vendors.clerk.client import Clerk
from include.vendors.mailchimp.client import Journey, Mailchimp
from include.vendors.stripe.client import Stripe

LIST_ID, JOURNEY = "a1b2c3d4e5", Journey(journey_id=1001, step_id=2001)
TIMEOUT_SECONDS = 5
ENDS = "SELECT id FROM ops.deactivations ORDER BY id"
numbers = count(1)


@dataclass
class LaterClock:
    """The machine's clock, so many seconds ahead."""

    seconds: float = 0.0

    def now(self):
        """Return the moment that is then."""
        return SystemClock().now() + timedelta(seconds=self.seconds)


@dataclass
class World:
    """What the tests of the job have in their hands."""

    store: Store
    dsn: str
    sandbox: Any

    def __post_init__(self):
        """Connect the clients to the sandbox."""
        url = self.sandbox.url
        self.policy = shipped()
        self.mode = "test"  # of the events that come in
        self.clock = SystemClock()
        self.stripe = Stripe("sk_test_x", base_url=f"{url}/stripe", timeout_seconds=TIMEOUT_SECONDS)
        self.clerk = Clerk(
            requests.Session(),
            api_key="sk_test_x",
            base_url=f"{url}/clerk/v1",
            timeout_seconds=TIMEOUT_SECONDS,
        )
        self.mailchimp = self.a_mailchimp()

    def a_mailchimp(self, **options):
        """Make a client of Mailchimp's; options replace what it is usually given."""
        usual = {
            "base_url": f"{self.sandbox.url}/mailchimp/3.0",
            "list_id": LIST_ID,
            "timeout_seconds": TIMEOUT_SECONDS,
            "welcome": JOURNEY,
        }
        return Mailchimp("key-us1", **{**usual, **options})

    @contextmanager
    def another(self):
        """Give the same world over a connection of its own: another process, as far as Postgres knows."""
        with World.at(self.dsn, self.sandbox) as world:
            yield world

    @classmethod
    @contextmanager
    def at(cls, dsn, sandbox):
        """Give the world of a database and a sandbox while the block runs."""
        store = Store.connect(dsn)
        try:
            yield cls(store, dsn, sandbox)
        finally:
            store.close()

    # --- what comes in ---

    def receive(self, *events):
        """Store vendors' events as the relay does, and return the ids of their rows."""
        return [self._receive(event) for event in events]

    def events(self, *types, since=0):
        """Return the sandbox's events that start the job, oldest first; of some types, or all."""
        return [
            event
            for event in self.sandbox.events()[since:]
            if event["wanted"]
            and route_of(event["vendor"], event["type"]).job
            and (not types or event["type"] in types)
        ]

    def act(self, story, **details):
        """Play a story, and return the events that came of it and start the job."""
        made = {e["id"] for e in self.sandbox.act(story, **details)["made"]}
        return [event for event in self.events() if event["id"] in made]

    def join(self, email="ada@example.org", **details):
        """Let somebody become a member, and return the events of it."""
        names = {"first_name": "Ada", "last_name": "Lovelace", "tier": "pro", "via": "clerk_first"}
        return self.act("new_member", email=email, **{**names, **details})

    def _receive(self, event):
        payload = event.get("payload", event)
        body = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
        vendor = event.get("vendor") or ("stripe" if "livemode" in event else "clerk")
        event_id = event.get("id") or f"msg_{next(numbers)}"
        now = self.clock.now()
        arrival = Arrival(
            provider=vendor,
            mode=self.mode,
            event_id=event_id,
            type=event["type"],
            api_version=None,
            created_at=now,
            received_at=now,
            headers="{}",
            body=body,
            body_sha256=hashlib.sha256(body).digest(),
            member_key=None,
            job="mailchimp_sync",
            state=InboxState.WAITING,
            reason=None,
        )
        self.store.inbox.receive([arrival])
        return next(r.id for r in self.store.inbox.by_event_id(event_id) if r.provider == vendor)

    # --- what the DAG does ---

    def load(self, ids, run, **options):
        """Run the first step."""
        return job.load_members(
            ids,
            dag_run_id=run,
            store=self.store,
            stripe=self.stripe,
            clerk=self.clerk,
            clock=self.clock,
            **{"policy": self.policy, **options},
        )

    def update(self, run, **options):
        """Run the second step."""
        usual = {"mailchimp": self.mailchimp, "connections": 10}
        job.update_mailchimp(
            dag_run_id=run, store=self.store, clock=self.clock, **{**usual, **options}
        )

    def welcome(self, run, **options):
        """Run the third step."""
        usual = {"mailchimp": self.mailchimp, "connections": 10}
        job.trigger_welcome(
            dag_run_id=run, store=self.store, clock=self.clock, **{**usual, **options}
        )

    def record(self, run):
        """Run the last step."""
        return job.record(dag_run_id=run, store=self.store, clock=self.clock)

    def run(self, *events):
        """Receive events and run all steps on them; return the run's id."""
        return self.run_rows(self.receive(*events))

    def run_rows(self, ids):
        """Run all steps on rows, skipping what the DAG would skip; return the run's id."""
        run = f"run_{next(numbers)}"
        plan = self.load(ids, run)
        if plan.members:
            self.update(run)
            if plan.has_welcomes:
                self.welcome(run)
            self.record(run)
        return run

    # --- what the DAG of deactivations does, after its wait ---

    def check(self, run, row_id=0, **options):
        """Run the first step of a deactivation."""
        return member_deactivation.check_status(
            row_id,
            dag_run_id=run,
            store=self.store,
            stripe=self.stripe,
            clock=self.clock,
            **options,
        )

    def end(self, run, **options):
        """Run the second step: the third is `update`."""
        return member_deactivation.update_database(
            dag_run_id=run, store=self.store, stripe=self.stripe, clock=self.clock, **options
        )

    def close(self, run):
        """Run the last step of a deactivation."""
        return member_deactivation.record(dag_run_id=run, store=self.store, clock=self.clock)

    def deactivate(self, run="deactivation", row_id=0):
        """Run all steps on what is due, skipping what the DAG would skip; return the plan."""
        plan = self.check(run, row_id)
        if plan.to_be:
            self.end(run)
            self.update(run)
            self.close(run)
        return plan

    def pass_time(self, *, seconds=0.0, settles=True):
        """Let time pass for the jobs, and for the vendors too, who then do what falls due, if `settles`."""
        if not isinstance(self.clock, LaterClock):
            self.clock = LaterClock()
        self.clock.seconds += seconds
        if settles:
            self.sandbox.ask("POST", "clock", json={"advance_seconds": seconds})

    def ends(self):
        """Return all planned ends, oldest first."""
        return [self.store.deactivations.get(row["id"]) for row in self.query(ENDS)]

    def last_end(self):
        """Return the planned end that was made last."""
        [row] = self.query("SELECT max(id) AS id FROM ops.deactivations")
        return self.store.deactivations.get(row["id"])

    def profiles(self):
        """Return whether each living user's profile is visible."""
        rows = self.query("SELECT is_visible FROM public.users WHERE deleted_at IS NULL")
        return [row["is_visible"] for row in rows]

    # --- what came of it ---

    def reasons(self, run):
        """Return why a run's rows ended as they did, each once."""
        return {row.reason for row in self.store.inbox.of_run(run)}

    def rows(self, ids):
        """Return the states of rows."""
        return [row.state for row in self.store.inbox.rows(ids)]

    def states(self, run):
        """Return the states of a run's rows, each once."""
        return {row.state for row in self.store.inbox.of_run(run)}

    def members(self):
        """Return the living users of the platform."""
        rows = self.query("SELECT id FROM public.users WHERE deleted_at IS NULL")
        return list(self.store.members.read([row["id"] for row in rows]).values())

    def member(self):
        """Return the only living user of the platform."""
        [member] = self.members()
        return member

    def contact(self, email="ada@example.org"):
        """Return Mailchimp's contact of an address: its status, tags and merge fields; None without one."""
        found = self.sandbox.ask("GET", "state/mailchimp", params={"email": email})["members"]
        if not found:
            return None
        [contact] = found
        fields = contact["merge_fields"]
        return {
            "status": contact["status"],
            "tags": {tag["name"] for tag in contact["tags"]},
            **{name: fields[name] for name in ("FNAME", "LNAME", "TIER")},
        }

    def welcomes(self):
        """Return the addresses that Mailchimp was told to welcome, each as often as it said yes."""
        calls = self.sandbox.calls(vendor="mailchimp", path="/customer-journeys/*")["calls"]
        return sorted(c["request_body"]["email_address"] for c in calls if c["status"] == 204)

    def welcome_calls(self):
        """Count the calls for a welcome, answered or not."""
        return self.sandbox.count("mailchimp", path="/customer-journeys/*")

    def writes(self):
        """Return the calls that changed something at Mailchimp, as method and path."""
        calls = self.sandbox.calls(vendor="mailchimp")["calls"]
        return [(call["method"], call["path"]) for call in calls if call["method"] != "GET"]

    def audit(self):
        """Return the audit log's actions, oldest first."""
        return [row["action"] for row in self.query("SELECT action FROM ops.audit_log ORDER BY id")]

    def steps(self):
        """Return the states of all steps."""
        return [row["state"] for row in self.query("SELECT state FROM ops.steps ORDER BY key")]

    def query(self, statement, *parameters):
        """Ask Postgres."""
        return self.store.connection.execute(statement, parameters).fetchall()


def until(condition):
    """Wait for a condition, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
