"""A calendar at Luma and members on the platform, and the job between them, on a clock of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

from include.clock import FixedClock
from include.events import SubscriptionStatus
from include.jobs.luma_auto_approval import steps as job
from include.membership.members import Member, Membership
from include.vendors.luma.client import Luma
from include.vendors.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATES = "*/update-*status"
numbers = count(1)


class LumaWorld:
    """What the tests of the job have in their hands."""

    def __init__(self, store: Any, sandbox: Any) -> None:
        """Start with an empty calendar and no members."""
        self.store, self.sandbox = store, sandbox
        self.clock = FixedClock(datetime.now(UTC))
        self.pauses: list[float] = []
        self.seconds_per_call = 0.0
        self.session = requests.Session()
        self.session.hooks["response"].append(self._time_passes)
        self._once: list[tuple[str, Callable[[], object]]] = []

    # --- who is there ---

    def member(self, email: str, status: str = "active", **changes: Any) -> Member:
        """Make somebody who has, or had, a membership."""
        membership = Membership(
            subscription_id=f"sub_{next(numbers)}", status=SubscriptionStatus(status)
        )
        now = self.clock.now()
        member = Member(
            id=uuid4(), email=email, created_at=now, memberships=(membership,), **changes
        )
        with self.store.transaction():
            self.store.members.save([member], known={}, now=now)
        return member

    def members(self, number: int) -> list[str]:
        """Make so many active members, and return their addresses."""
        return [self.member(f"ada{next(numbers)}@example.org").email or "" for _ in range(number)]

    def seed(self, members: list[str], **wish: Any) -> dict[str, Any]:
        """Let these members register, and strangers with them."""
        wish = {"guests": len(members), **wish, "members": members}
        return self.sandbox.ask("POST", "seed/luma", json=wish)

    # --- what the DAG does ---

    def run(
        self, *, per_minute: int = 200, routes: str = "current", **orders: Any
    ) -> job.ApprovalResult:
        """Do one run, of which no call takes any time unless a test says so."""
        luma = Luma(
            self.session,
            api_key="key",
            base_url=f"{self.sandbox.url}/luma",
            timeout_seconds=5,
            routes=routes,
        )
        pace = RateLimiter(
            clock=self.clock,
            sleep=self.sleep,
            until=self.clock.now() + job.BUDGET,
            per_minute=per_minute,
        )
        return job.approve_members(
            job.LumaRunOptions(**orders),
            luma=luma,
            limiter=pace,
            store=self.store,
            clock=self.clock,
            dag_run_id="run_1",
        )

    def sleep(self, seconds: float) -> None:
        """Let time pass here and at Luma."""
        self.pauses.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        """Let time pass here and at Luma, without anybody waiting for it."""
        self.clock.advance(timedelta(seconds=seconds))
        self.sandbox.ask("POST", "clock", json={"advance_seconds": seconds})

    def once_after(self, part_of_path: str, act: Callable[[], object]) -> None:
        """Do something right after the next call whose path has this part."""
        self._once.append((part_of_path, act))

    def _time_passes(self, answer: requests.Response, **_: Any) -> None:
        self.clock.advance(timedelta(seconds=self.seconds_per_call))
        for part, act in list(self._once):
            if part in answer.request.path_url:
                self._once.remove((part, act))
                act()

    # --- what came of it ---

    def guests(self) -> dict[str, Any]:
        """Return all guests by id."""
        found = self.sandbox.ask("GET", "state/luma")["guests"]
        return {guest["id"]: guest for guest in found}

    def statuses(self) -> dict[str, list[str]]:
        """Return the addresses of the guests by their status."""
        by_status: dict[str, list[str]] = {}
        for guest in self.guests().values():
            by_status.setdefault(guest["approval_status"], []).append(guest["user_email"].lower())
        return {status: sorted(emails) for status, emails in by_status.items()}

    def mails(self) -> list[list[str]]:
        """Return the mails of each guest who got any."""
        return [guest["mails"] for guest in self.guests().values() if guest["mails"]]

    def calls(self) -> list[tuple[str, str]]:
        """Return what Luma was asked, as method and the last word of the path, oldest first."""
        calls = self.sandbox.calls(vendor="luma")["calls"]
        return [(call["method"], call["path"].rpartition("/")[2]) for call in calls]

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit log, oldest first."""
        return self.store.connection.execute("SELECT * FROM ops.audit_log ORDER BY id").fetchall()


LIST, ONE, DECIDE = ("GET", "list"), ("GET", "get"), ("POST", "update-status")
