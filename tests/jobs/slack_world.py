"""A workspace at Slack and members on the platform, and the job between them, on a clock of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from include.clock import FixedClock
from include.events import SubscriptionStatus
from include.jobs.slack_status_sync import steps as job
from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
from include.membership.members import Member, Membership
from include.vendors.slack.client import Slack
from include.vendors.slack.workspace import SlackWorkspace
from tests.contract.conftest import slack_client_of

GROUP, CHANNEL, FIELD, STAFF = "S0MEMBERS01", "C0MEMBERS01", "Xf0MEMBER01", "C0STAFF0001"
OWNER, BOT = "U0OWNER0001", "U0OPSBOT001"
UNTIL = datetime(2027, 3, 1, 12, tzinfo=UTC)
numbers = count(1)


class SlackWorld:
    """What the tests of the job have in their hands."""

    def __init__(self, store: Any, sandbox: Any) -> None:
        """Start with an empty workspace and no members."""
        self.store, self.sandbox = store, sandbox
        self.clock = FixedClock(datetime.now(UTC))
        self.pauses: list[float] = []
        self.ids: dict[str, str] = {}

    # --- who is there ---

    def member(self, email: str, status: str = "active") -> Member:
        """Make somebody who has, or had, a membership."""
        membership = Membership(
            subscription_id=f"sub_slack_{next(numbers)}",
            status=SubscriptionStatus(status),
            current_period_end=UNTIL,
        )
        now = self.clock.now()
        member = Member(id=uuid4(), email=email, created_at=now, memberships=(membership,))
        with self.store.transaction():
            self.store.members.save([member], known={}, now=now)
        return member

    def becomes(self, email: str, status: str) -> None:
        """Give a member another standing."""
        self.store.connection.execute(
            "UPDATE public.memberships SET status = %s "
            "WHERE user_id = (SELECT id FROM public.users WHERE lower(email) = lower(%s))",
            (status, email),
        )

    def seed(self, people: int = 0, **wish: Any) -> list[str]:
        """Fill the workspace; return the addresses, of owners, admins, guests and who is gone first."""
        made = self.sandbox.ask("POST", "seed/slack", json={"people": people, **wish})["people"]
        self.ids |= {one["email"]: one["id"] for one in made}
        return [one["email"] for one in made]

    def joins(self, email: str, role: str = "member") -> str:
        """Let somebody join the workspace; return her id there."""
        made = self.sandbox.act("slack_person", email=email, joins="Ada Byron", becomes=role)
        self.ids[email] = made["slack_user_id"]
        return self.ids[email]

    def both(self, number: int, **wish: Any) -> list[str]:
        """Make so many active members who are all at Slack; return their addresses."""
        emails = self.seed(number, **wish)
        for email in emails:
            self.member(email)
        return emails

    # --- what the DAG does ---

    def run(self, **orders: Any) -> job.SlackSyncResult:
        """Do one run, of which no call takes any time."""
        bot, admin = slack_client_of(self.sandbox), slack_client_of(self.sandbox, admin=True)
        turns = SlackRateLimiter(
            clock=self.clock, until=self.clock.now() + job.BUDGET, sleep=self.sleep
        )
        return job.Sync(
            job.SlackRunOptions(**{"group_id": GROUP, **orders}),
            workspace=SlackWorkspace(bot, admin),
            slack=Slack(bot, ops_channel="C0OPSALERTS", staff_channel=STAFF),
            limiter=turns,
            store=self.store,
            clock=self.clock,
            dag_run_id="run_1",
        ).run()

    def sleep(self, seconds: float) -> None:
        """Let time pass here and at Slack."""
        self.pauses.append(seconds)
        self.pass_time(seconds=seconds)

    def pass_time(self, **length: float) -> None:
        """Let time pass here and at Slack."""
        span = timedelta(**length)
        self.clock.advance(span)
        self.sandbox.ask("POST", "clock", json={"advance_seconds": span.total_seconds()})

    def without_limits(self) -> None:
        """Switch Slack's own limits off, so that only ours hold."""
        self.sandbox.ask("PATCH", "settings", json={"slack_limits": False})

    # --- what came of it ---

    def state(self) -> dict[str, Any]:
        """Return the workspace as it is."""
        return self.sandbox.ask("GET", "state/slack")

    def group(self) -> set[str]:
        """Return the addresses of who is in the group."""
        (group,) = self.state()["groups"]
        return self.emails(group["users"])

    def is_disabled(self) -> bool:
        """Tell whether the group is out of use."""
        (group,) = self.state()["groups"]
        return bool(group["date_delete"])

    def channel(self) -> set[str]:
        """Return the addresses of who is in the members' channel, the owner and the bot left out."""
        (channel,) = [one for one in self.state()["channels"] if one["id"] == CHANNEL]
        return self.emails(set(channel["members"]) - {OWNER, BOT})

    def emails(self, ids: Any) -> set[str]:
        """Return people's addresses, or the ids of those who have none here."""
        known = {user_id: email for email, user_id in self.ids.items()}
        return {known.get(user_id, user_id) for user_id in ids}

    def calls(self, method: str = "*") -> int:
        """Count calls of a method."""
        return self.sandbox.count("slack", path=f"/{method}")

    def writes(self) -> list[str]:
        """Return the methods that change something, in the order in which they were called."""
        paths = [call["path"][1:] for call in self.sandbox.calls(vendor="slack")["calls"]]
        verbs = ("update", "enable", "disable", "invite", "kick", "set", "postMessage")
        return [path for path in paths if path.endswith(verbs)]

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages."""
        return self.state()["messages"]

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit log, oldest first."""
        return self.store.connection.execute("SELECT * FROM ops.audit_log ORDER BY id").fetchall()
