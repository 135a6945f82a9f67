"""Per DAG a scene: what a run of it comes to, how it fails, and how it is held in the middle.

A new DAG needs a scene here. Each may be played again and again, each time with people of its own.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg

from include.errors import ErrorClass
from include.store.dead_letters import Failure
from include.store.dead_letters.table import DeadLetters
from include.store.inbox import InboxState
from include.store.job_runs import JobRuns
from tests.e2e.rerun.live import ASKS
from tests.e2e.rerun.scene import Scene
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.lab.demo.sandbox import VendorEvent
    from tests.e2e.rerun.live import Board
    from tests.e2e.rerun.scene import Wish

HELD_SECONDS = 60  # longer than anybody waits for a vendor
EARLY_SECONDS = range(
    5, 30
)  # of a minute: its own run of the alert rules is over, and the next is not near
PERIOD_SECONDS = (
    15  # longer than it takes from her cancelling to the fault that her end has to meet
)
LONG_AGO = timedelta(days=365)
USER = "user.created"


class Sync(Scene):
    """A new member pays."""

    dag, number, mended, held = "mailchimp_sync", 0, "update_mailchimp", "update_mailchimp"

    def joins(self) -> list[VendorEvent]:
        """She has signed up."""
        events = self._join()
        self.paid = events["paid"]
        return events["clerk"]

    def begin(self) -> None:
        """She pays."""
        self.stage.sandbox.send(self.paid, copies=1, at_once=1)

    def run(self) -> str:
        """Return the run that took her event first."""
        self.run_id = self.run_id or self.row().dag_run_id or ""
        return self.run_id

    def row(self) -> Any:
        """Return her event's row."""
        [row] = self.stage.rows([self.paid[0].id])
        return row

    def fault(self) -> Wish:
        """Mailchimp refuses her."""
        return self._refusal()

    def stall(self) -> Wish:
        """Mailchimp takes her contact, and does not answer."""
        return self._contact(method="PUT")

    def is_over(self) -> bool:
        """Her event is processed."""
        return self.row().state is InboxState.PROCESSED


class Retry(Sync):
    """A member's event is dead: Mailchimp has refused her. A person has it tried again."""

    dag, number, mended, held = "webhook_retry", 1, "retry", "retry"

    def prepare(self) -> None:
        """Let it fail."""
        fault = self.stage.sandbox.post("/faults", self._refusal())
        self.stage.sandbox.send(self.paid, copies=1, at_once=1)
        self.stage.wait("a dead event", self.is_dead, 60)
        self.stage.sandbox.http.delete(f"/faults/{fault['id']}").raise_for_status()

    def is_dead(self) -> bool:
        """Tell whether her event waits for a person."""
        rows = self.stage.rows([self.paid[0].id])
        return [row.state for row in rows] == [InboxState.DEAD]

    def begin(self) -> None:
        """Start it by hand."""
        self.run_id = self.stage.airflow.start_run(self.dag, {"inbox_ids": [self.row().id]})


class Deactivation(Scene):
    """A member cancels, and what she has paid for ends."""

    dag, number, mended, held = "member_deactivation", 2, "update_mailchimp", "check_status"

    def joins(self) -> list[VendorEvent]:
        """She is a member."""
        events = self._join()
        return [*events["clerk"], *events["paid"]]

    def prepare(self) -> None:
        """She cancels: a run is planned, which waits in its sensor."""
        act = self.stage.sandbox.act(
            "cancel_at_period_end", email=self.member.email, in_seconds=PERIOD_SECONDS
        )
        self.subscription = act.ids["stripe_subscription_id"]
        self.stage.deliver("she cancels", act.events)
        [self.person] = self.stage.people([self.member])

    def begin(self) -> None:
        """Time passes."""

    def run(self) -> str:
        """Return the run of her planned end."""
        self.run_id = self.run_id or self.planned().dag_run_id or ""
        return self.run_id

    def planned(self) -> Any:
        """Return her planned end."""
        return self.stage.planned_end(self.person.member_id)

    def fault(self) -> Wish:
        """Mailchimp refuses her."""
        return self._refusal()

    def stall(self) -> Wish:
        """Stripe does not say whether she has come back."""
        return {"vendor": "stripe", "path": f"*/subscriptions/{self.subscription}"}

    def is_over(self) -> bool:
        """Tell whether her membership has ended."""
        return self.planned().state == "done"


class Luma(Scene):
    """A member and strangers register for an event."""

    dag, number, mended, held = "luma_auto_approval", 3, "approve_members", "approve_members"
    asked: ClassVar[dict[str, Any]] = {"dry_run": False}

    def joins(self) -> list[VendorEvent]:
        """She is a member."""
        events = self._join()
        return [*events["clerk"], *events["paid"]]

    def prepare(self) -> None:
        """They register."""
        self.stage.sandbox.post("/seed/luma", {"guests": 3, "members": [self.member.email]})

    def fault(self) -> Wish:
        """Luma refuses our key."""
        return {"vendor": "luma", "kind": "status", "status": 401, "body": {}}

    def stall(self) -> Wish:
        """Luma does not answer an approval."""
        return {"vendor": "luma", "path": "*/update-status"}


class Slack(Scene):
    """A member comes into the workspace, and strangers."""

    dag, number, mended, held = "slack_status_sync", 4, "sync", "sync"
    asked: ClassVar[dict[str, Any]] = {"dry_run": False}

    def joins(self) -> list[VendorEvent]:
        """She is a member."""
        events = self._join()
        return [*events["clerk"], *events["paid"]]

    def prepare(self) -> None:
        """They come in."""
        wish = {"people": 3, "members": [self.member.email], "prefix": secrets.token_hex(5)}
        self.stage.sandbox.post("/seed/slack", wish)

    def fault(self) -> Wish:
        """Slack refuses our token."""
        body = {"ok": False, "error": "invalid_auth"}
        return {
            "vendor": "slack",
            "kind": "status",
            "status": 200,
            "body": body,
            "path": "/users*",
        }

    def stall(self) -> Wish:
        """Slack does not answer a change of the group."""
        return {"vendor": "slack", "path": "/usergroups.users.update"}


class Alerts(Scene):
    """Runs have failed, so many that rules tell people."""

    dag, number, held = "alert_rules", 5, "evaluate"
    not_failed = (
        "a message that a channel refuses is sent by the runs of the next minutes,"
        " and a cleared run leaves it to them: tests/dags/rerun"
    )
    failures = 6

    def prepare(self) -> None:
        """Let them fail, early in a minute: the run of the full minute would be held in the place of ours."""
        assert until(lambda: datetime.now(UTC).second in EARLY_SECONDS, 60)
        for number in range(self.failures):
            JobRuns(self.live.ours).fail(
                "mailchimp_sync",
                f"made_by_a_test_{number}",
                error_class="E",
                reason="no",
                now=datetime.now(UTC),
            )

    def stall(self) -> Wish:
        """Nobody answers at the outside check, after all were told."""
        return {"vendor": "dead-man"}


class Reconciliation(Scene):
    """Somebody joins, and no webhook comes."""

    dag, number, mended, held = "reconciliation", 6, "compare_members", "compare_members"

    def prepare(self) -> None:
        """She joins."""
        self._join()

    def begin(self) -> None:
        """Start a deep run, as in the night."""
        self.run_id = self.stage.airflow.start_run(self.dag, {"deep": True, "dry_run": False})

    def fault(self) -> Wish:
        """Clerk says that it has no users: too many differ, and the run is stopped for a person."""
        return {"vendor": "clerk", "kind": "status", "status": 200, "body": [], "path": "/users"}

    def stall(self) -> Wish:
        """Clerk does not answer who asks for all users; the task before asks for those that have changed."""
        return {"vendor": "clerk", "path": "/users", "query": "created_at"}

    def is_over(self) -> bool:
        """She is a member."""
        return [one.status for one in self.stage.people([self.member])] == ["active"]


class Review(Scene):
    """A dead letter is open: `reconciliation` has people asked about it."""

    dag, number, held, held_state = "dead_letter_review", 7, ASKS, "awaiting_input"
    not_failed = "an answer that cannot be taken is asked for again: tests/e2e/test_review.py"
    reason = "left by a test of reruns"
    why = "only a test"

    def prepare(self) -> None:
        """Open it."""
        failure = Failure(
            job="mailchimp_sync",
            subject=f"run:{secrets.token_hex(8)}",
            error_class=ErrorClass.PERMANENT,
            reason=self.reason,
        )
        letters = DeadLetters(self.live.ours)
        self.letter = letters.open_case(failure, now=datetime.now(UTC)).id
        self.before = self.live.runs(self.dag)

    def begin(self) -> None:
        """Somebody else begins it."""

    def run(self) -> str:
        """Return the run that `reconciliation` has started."""
        if not self.run_id:
            [self.run_id] = self.live.runs(self.dag) - self.before or {""}
        return self.run_id

    def drive(self, board: Board) -> None:
        """Answer, in whichever run is asked: one that was cleared has another one ask.

        Its own run only where the board, on which others have looked for their turn, showed that it asks.
        """
        for run in self.live.runs(self.dag) - self.before:
            had_its_turn = run != self.run_id or board.state(run, ASKS) == "awaiting_input"
            if had_its_turn and self.live.look([run]).state(run, ASKS) == "awaiting_input":
                self.live.answer(run, "Carry out", why=self.why, **{self.reason: "abandon"})

    def is_over(self) -> bool:
        """Tell whether the letter is closed."""
        letter = DeadLetters(self.live.ours).get(self.letter)
        return letter is not None and letter.state == "abandoned"


class Cleanup(Scene):
    """There is an event whose body nobody needs any more, and an old line in Airflow's own log.

    The one is for `clean_ops`, the other for `clean_airflow`.
    """

    dag, number, held = "database_cleanup", 8, "clean_ops"
    asked: ClassVar[dict[str, Any]] = {"dry_run": False}
    not_failed = "it asks no vendor: tests/dags/rerun takes Postgres away from it"
    locked = "ops.inbox_conflicts"  # which only the clean-up looks at

    def joins(self) -> list[VendorEvent]:
        """Somebody has joined."""
        events = self._join()
        self.paid = events["paid"]
        return [*events["clerk"], *events["paid"]]

    def prepare(self) -> None:
        """Let a year pass."""
        then = datetime.now(UTC) - LONG_AGO
        self.live.ours.execute(
            "UPDATE ops.inbox SET finished_at = %s WHERE event_id = %s", (then, self.paid[0].id)
        )
        self.live.airflows.execute(
            "INSERT INTO log (dttm, event, owner) VALUES (%s, 'made_by_a_test', 'nobody')", (then,)
        )

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep a table to ourselves."""
        with psycopg.connect(self.live.stack.database_url) as connection:
            connection.execute(f"LOCK TABLE {self.locked} IN ACCESS EXCLUSIVE MODE")
            yield

    def is_held(self) -> bool:
        """Tell whether somebody waits for the table."""
        waiting = (
            "SELECT count(*) AS count FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
        )
        return bool(self.live.query(waiting, self.locked)[0]["count"])

    def is_over(self) -> bool:
        """Both are gone."""
        bodies = self.live.query("SELECT body FROM ops.inbox WHERE event_id = %s", self.paid[0].id)
        lines = self.live.airflows.execute("SELECT FROM log WHERE event = 'made_by_a_test'")
        return bodies == [{"body": None}] and not lines.fetchall()


SCENES: dict[str, type[Scene]] = {
    scene.dag: scene
    for scene in (
        Alerts,
        Sync,
        Retry,
        Luma,
        Slack,
        Reconciliation,
        Review,
        Cleanup,
        Deactivation,
    )
}
"""In the order in which they are prepared: the alerts wait for their part of a minute, and a planned end comes soon."""
