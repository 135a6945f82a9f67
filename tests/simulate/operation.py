"""Ourselves in a simulation: the relay's inbox, and the real jobs as Airflow would run and try them again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from itertools import count
from typing import Any

from include.errors import VendorError, VendorUnavailableError
from include.failures.retry_policy import MAX_RETRIES
from include.jobs.luma_auto_approval import steps as luma_auto_approval
from include.jobs.reconciliation import steps as reconciliation
from include.jobs.reconciliation.contacts import compare_contacts
from include.jobs.reconciliation.events import read_events
from include.jobs.reconciliation.members import compare_clerk, compare_stripe
from include.jobs.reconciliation.repair import RepairLimits
from include.jobs.slack_status_sync import steps as slack_status_sync
from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
from include.jobs.webhook_retry import steps as webhook_retry
from include.membership.ends import EndState
from include.store.inbox import Arrival, InboxState
from include.vendors.rate_limiter import RateLimiter
from include.vendors.slack.client import Slack
from include.vendors.slack.workspace import SlackWorkspace
from include.vendors.stripe.client import Stripe
from tests.contract.conftest import slack_client_of
from tests.jobs.slack_world import GROUP, STAFF
from tests.jobs.world import TIMEOUT_SECONDS, World

TRIES = 4
MANY = 10_000
OPENS_AFTER = 1000
TO_DO = """
SELECT id, state FROM ops.inbox WHERE state IN ('waiting', 'failed') OR (state = 'dead' AND due_at <= %s) ORDER BY id
"""
OPEN_LETTERS = "SELECT reason FROM ops.dead_letters WHERE state = 'open' ORDER BY 1"
DUE_ENDS = (
    "SELECT count(*) AS number FROM ops.deactivations "
    "WHERE state NOT IN ('done', 'revoked') AND deactivate_at <= %s"
)
ROWS = """
SELECT users.id, users.email, users.clerk_user_id, users.stripe_customer_id, users.first_name, users.last_name,
       users.is_visible
FROM public.users WHERE deleted_at IS NULL
"""
numbers = count(1)


class NeverDoneError(Exception):
    """Rows go round and round."""


class Operation(World):
    """The jobs with their store, in the vendors' time."""

    def begin(self, vendors: Any) -> None:
        """Live in the time of these vendors."""
        self.vendors = self.clock = vendors
        self.stripe = Stripe(
            "sk_live_x",  # what happens in test mode is of another world
            base_url=f"{vendors.url}/stripe",
            timeout_seconds=TIMEOUT_SECONDS,
        )

    def sleep(self, seconds: float) -> None:
        """Let a job's pause pass."""
        self.vendors.pass_time(seconds)

    # --- what the relay does ---

    def take_in(self, events: list[Any]) -> None:
        """Store events as the relay does when they are delivered; one that was there is stored once."""
        arrivals = [_arrival(event, self.clock.now()) for event in events]
        if arrivals:
            self.store.inbox.receive(arrivals)
        for event in events:
            event.delivered = True

    def work(self, at_once: int = MANY) -> None:
        """Start runs for whatever waits, so many events each, and go on until nothing does."""
        for _ in range(50):
            rows = self.query(TO_DO, self.clock.now())
            ids = [row["id"] for row in rows if row["state"] == InboxState.WAITING]
            for start in range(0, len(ids), at_once):
                self.sync(ids[start : start + at_once])
            if not rows:
                return
            if not ids:
                self.retry()
        raise NeverDoneError("something waits, however often it is worked on")

    def sync(self, ids: list[int]) -> None:
        """Run `mailchimp_sync`, each task up to four times, as Airflow does."""
        run = f"run_{next(numbers)}"
        plan = self._tried(lambda **which: self.load(ids, run, opens_after=OPENS_AFTER, **which))
        if plan is None or not plan.members:
            return
        self._tried(lambda **which: self.update(run, **which))
        if plan.has_welcomes:
            self._tried(lambda is_last_try, **_: self.welcome(run, is_last_try=is_last_try))
        self.record(run)

    def retry(self) -> None:
        """Run `webhook_retry` for what failed, as often as it is due; else let an hour pass."""
        self.sleep(1)
        claim = self.store.dispatches.claim_retry(
            webhook_retry.JOB, now=self.clock.now(), max_in_flight=MANY, member_limit=MANY
        )
        if claim is None:
            self.sleep(3600)
            return
        for number in range(1, MAX_RETRIES + 1):
            try:
                self._try_alone(claim, number)
            except VendorUnavailableError:
                self.sleep(2**number)
            else:
                break

    # --- what the clock starts ---

    def end_what_is_due(self) -> None:
        """Run `member_deactivation` for the planned ends whose moment has come."""
        [row] = self.query(DUE_ENDS, self.clock.now())
        if not row["number"]:
            return
        run = f"deactivation_{next(numbers)}"
        plan = self._tried(lambda is_last_try, **_: self.check(run, is_last_try=is_last_try))
        if plan is not None and plan.to_be:
            self._tried(lambda is_last_try, **_: self.end(run, is_last_try=is_last_try))
            self._tried(lambda **which: self.update(run, **which))
            self.close(run)

    def reconcile(self) -> None:
        """Compare everything with the vendors, as each night, whatever share differs."""
        run = f"reconcile_{next(numbers)}"
        self.sleep(3600)  # nothing is on its way any more
        params = {"deep": True, "dry_run": False}
        limits = RepairLimits(is_dry_run=False, most_percent=100)
        shared: dict[str, Any] = {"dag_run_id": run, "store": self.store, "clock": self.clock}
        reconciliation.begin(run, params, store=self.store, clock=self.clock)
        read_events(**shared, stripe=self.stripe, limits=limits)
        self.work()
        compare_stripe(**shared, stripe=self.stripe, limits=limits)
        compare_clerk(**shared, clerk=self.clerk, limits=limits)
        self.work()
        compare_contacts(**shared, mailchimp=self.mailchimp, limits=limits)
        self.work()

    def sync_slack(self) -> None:
        """Run `slack_status_sync` without its days of grace, as if a person had confirmed every removal."""
        bot, admin = slack_client_of(self.sandbox), slack_client_of(self.sandbox, admin=True)
        until = self.clock.now() + timedelta(days=1)
        turns = SlackRateLimiter(clock=self.clock, until=until, sleep=self.sleep)
        orders = slack_status_sync.SlackRunOptions(group_id=GROUP, grace=timedelta(0), share=1.0)
        slack_status_sync.Sync(
            orders,
            workspace=SlackWorkspace(bot, admin),
            slack=Slack(bot, ops_channel="C0OPSALERTS", staff_channel=STAFF),
            limiter=turns,
            store=self.store,
            clock=self.clock,
            dag_run_id=f"slack_{next(numbers)}",
        ).run()

    def approve_guests(self, luma: Any) -> None:
        """Run `luma_auto_approval`."""
        pace = RateLimiter(
            clock=self.clock,
            sleep=self.sleep,
            until=self.clock.now() + timedelta(days=1),
            per_minute=MANY,
        )
        luma_auto_approval.approve_members(
            luma_auto_approval.LumaRunOptions(),
            luma=luma,
            limiter=pace,
            store=self.store,
            clock=self.clock,
            dag_run_id=f"luma_{next(numbers)}",
        )

    def has_failed_ends(self) -> bool:
        """Tell whether a planned end was given up, because Stripe did not answer: the night is for these, too."""
        return any(end.state is EndState.FAILED for end in self.ends())

    # --- what there is in the end ---

    def people(self) -> list[dict[str, Any]]:
        """Return the platform's living rows as they are."""
        return self.query(ROWS)

    def findings(self) -> set[tuple[str, str]]:
        """Return the open findings: their kinds and what each is about."""
        rows = self.query("SELECT kind, subject FROM ops.findings WHERE state = 'open'")
        return {(row["kind"], row["subject"]) for row in rows}

    def dead_letters(self) -> list[str]:
        """Return the reasons of all open dead letters."""
        return [row["reason"] for row in self.query(OPEN_LETTERS)]

    def _tried(self, step: Any) -> Any:
        """Do a step up to four times; None where the last one fails too."""
        for number in range(1, TRIES + 1):
            try:
                return step(is_first_try=number == 1, is_last_try=number == TRIES)
            except VendorError as error:
                if not error.retryable or number == TRIES:
                    return None
        return None

    def _try_alone(self, claim: Any, number: int) -> None:
        webhook_retry.retry_rows(
            claim.inbox_ids,
            dag_run_id=claim.dag_run_id,
            which=webhook_retry.AttemptNumber(
                number=number, total=number, is_last=number == MAX_RETRIES
            ),
            store=self.store,
            vendors=webhook_retry.RetryCollaborators(
                stripe=self.stripe, clerk=self.clerk, mailchimp=self.mailchimp, connections=1
            ),
            clock=self.clock,
            opens_after=OPENS_AFTER,
        )


def _arrival(event: Any, now: Any) -> Arrival:
    is_test = event.vendor == "stripe" and b'"livemode":false' in event.payload
    return Arrival(
        provider=event.vendor,
        mode="test" if is_test else "live",
        event_id=event.id,
        type=event.type,
        api_version=None,
        created_at=now,
        received_at=now,
        headers="{}",
        body=event.payload,
        body_sha256=hashlib.sha256(event.payload).digest(),
        member_key=None,
        job="mailchimp_sync",
        state=InboxState.WAITING,
        reason=None,
    )
