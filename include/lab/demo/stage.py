"""Where a story is played: what it may do, and the record of what came of it.

A story acts at the vendors' side, has their webhooks delivered, starts a job by hand as an operator does in the
UI, and compares what it finds afterwards with what it wants to find. It calls nothing else of ours.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg.rows import dict_row

from include.lab.demo import outcomes, timeline
from include.lab.demo.airflow import ENDED
from include.routing import DEACTIVATION, dag_of
from include.store.deactivations import Deactivations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from include.clock import Clock
    from include.lab.demo.airflow import DemoAirflow, TaskTry
    from include.lab.demo.sandbox import DemoSandbox, ScenarioEvents, VendorEvent
    from include.lab.demo.timeline import TimelineMoment
    from include.lab.stack.supervisor import Supervisor
    from include.membership.ends import Deactivation

DAG = "mailchimp_sync"
POLL_SECONDS = 0.02
RUN_END_SECONDS = 60  # from the last row's end to the run's: Airflow still has to write it down
UNDER_WAY = """
SELECT
  (SELECT count(*) FROM ops.inbox
   WHERE state IN ('waiting', 'dispatched') OR state = 'failed' AND due_at < now() + interval '2 minutes') AS events,
  (SELECT count(*) FROM ops.dispatches WHERE state IN ('claimed', 'started')) AS runs,
  (SELECT coalesce(array_agg(key || ', tried ' || attempts || ' times' ORDER BY key), '{}') FROM ops.notices
   WHERE given_up_at IS NULL AND (posted_at IS NULL OR NOT recovery_told)) AS messages
"""

FIRST_NAMES = ("Ada", "Grace", "Katherine", "Radia", "Joan", "Frances", "Barbara", "Lynn")
LAST_NAMES = ("Lovelace", "Hopper", "Johnson", "Perlman", "Clarke", "Allen", "Liskov", "Conway")


class StoryStoppedError(Exception):
    """The story cannot go on; the text says what it waited for."""


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """Somebody nobody knows yet."""

    email: str
    first_name: str
    last_name: str
    tier: str = "pro"


@dataclass(kw_only=True)
class DeliveryRound:
    """One lot of webhooks, one run started by hand or at its time, from there to the end of all it caused."""

    title: str
    sent_at: float
    dag: str = DAG
    started: list[str] = field(default_factory=list)  # runs that no webhook started
    dags: dict[str, str] = field(default_factory=dict)  # of runs of other DAGs than `dag`
    answered_at: float = 0.0
    seconds: float = 0.0  # from the first webhook sent to the last row ended, and all answered
    moments: list[TimelineMoment] = field(default_factory=list)
    rows: list[outcomes.EventProgress] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """The runs that were started, or that took its rows, in their order."""
        taken = (row.dag_run_id for row in self.rows if row.dag_run_id)
        return list(dict.fromkeys([*self.started, *taken]))


@dataclass(kw_only=True)
class Stage:
    """What one story may use, and its record. `problems` are the checks that failed, in words."""

    sandbox: DemoSandbox
    airflow: DemoAirflow
    database: psycopg.Connection[Any]
    processes: Supervisor
    clock: Clock
    patience_seconds: float = 300  # ten times what it takes: a busy machine is no failure
    deliveries: list[DeliveryRound] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def wait_for_quiet(self) -> None:
        """Wait until nothing of what was before is under way: no event, no run with events, no message to Slack.

        A stack that was stopped in the middle of work does first what it has not done.
        What another story has left would be in the same run as this one's, and its faults would hit both.
        Raises StoryStoppedError with what is left.
        """
        left: dict[str, int | list[str]] = {}

        def is_quiet() -> bool:
            [row] = self.database.execute(UNDER_WAY).fetchall()
            left.update(row)
            return not any(left.values())

        try:
            self.wait("quiet", is_quiet)
        except StoryStoppedError as error:
            raise StoryStoppedError(f"{error}; still under way: {left}") from error

    def keep_clear_of(self, dag: str, seconds: float) -> None:
        """Let a DAG's own run go by that is under way, or due within so many seconds: it would do the story's work.

        Raises StoryStoppedError where it does not end.
        """

        def is_clear() -> bool:
            due_at = self.airflow.own_run_at(dag)
            is_near = due_at is not None and due_at.timestamp() < self._now() + seconds
            return not is_near and not self.airflow.open_runs(dag)

        self.wait(f"{dag} to have run by itself", is_clear, poll=1)
        self.wait_for_quiet()

    def newcomer(self, number: int = 0) -> Newcomer:
        """Invent somebody: a name by number, an address that never was."""
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[number // len(FIRST_NAMES) % len(LAST_NAMES)]
        email = f"{first}.{last}.{secrets.token_hex(5)}@example.org".lower()
        return Newcomer(email=email, first_name=first, last_name=last)

    def join(self, who: Newcomer, via: Literal["stripe_first", "clerk_first"]) -> ScenarioEvents:
        """Let somebody pay in Stripe and sign up in Clerk; nothing is delivered yet."""
        return self.sandbox.act("new_member", via=via, **vars(who))

    def deliver(
        self, title: str, events: Sequence[VendorEvent], *, copies: int = 1, at_once: int = 1
    ) -> DeliveryRound:
        """Have events sent, `copies` of each, and wait until nothing more comes of them.

        Raises StoryStoppedError where that takes longer than `patience_seconds`.
        """
        delivery = DeliveryRound(title=title, sent_at=self._now())
        self.deliveries.append(delivery)
        delivery.answers = self.sandbox.send(events, copies=copies, at_once=at_once)
        delivery.answered_at = self._now()
        refused = {status: n for status, n in delivery.answers.items() if status != "200"}
        self.expect("the relay's answers other than 200", refused, {})
        sent = [
            timeline.sending(events, copies, delivery.sent_at),
            timeline.answering(delivery.answers, delivery.answered_at),
        ]
        self.follow(delivery, events)
        delivery.moments = sorted([*sent, *delivery.moments], key=lambda moment: moment.at)
        return delivery

    def follow(self, delivery: DeliveryRound, events: Sequence[VendorEvent]) -> None:
        """Wait until nothing more comes of these events, and put down what did."""
        delivery.rows = self._ended_rows([event.id for event in events])
        delivery.seconds = self._seconds(delivery)
        delivery.moments = sorted(self._moments(delivery), key=lambda moment: moment.at)

    def start(
        self, title: str, dag: str, *, vendor: str, wanted: str = "success", **params: object
    ) -> DeliveryRound:
        """Start a run by hand with these parameters, as the operator does in the UI, and follow it to its end.

        What `vendor` was asked, and what the job wrote down about the run, is in the record; `wanted` is how it
        should end.
        """
        delivery = DeliveryRound(title=title, sent_at=self._now(), dag=dag)
        self.deliveries.append(delivery)
        run = self.airflow.start_run(dag, params)
        delivery.started.append(run)
        tasks = self._ended_run(dag, run, self.patience_seconds, wanted=wanted)
        ends = [task.ended_at.timestamp() for task in tasks if task.ended_at]
        delivery.seconds = max(ends, default=self._now()) - delivery.sent_at
        name = self._names()[run]
        told = ", ".join(f"{key} {value}" for key, value in params.items())
        moments = [
            timeline.TimelineMoment(
                at=delivery.sent_at, what=f"{name}: started by hand{told and ': '}{told}"
            ),
            *timeline.of_tasks(tasks, name),
            *timeline.of_calls(self.sandbox.calls(vendor, since=delivery.sent_at)),
            *timeline.of_job(self.told_by(run)),
        ]
        delivery.moments = sorted(moments, key=lambda moment: moment.at)
        return delivery

    def end_membership(self, title: str, planned: Deactivation) -> DeliveryRound:
        """Follow a planned end from its second on; `seconds` is how much later it was done with."""
        moment = (planned.deactivate_at or self.clock.now()).timestamp()
        delivery = DeliveryRound(title=title, sent_at=moment, dag=DEACTIVATION)
        self.deliveries.append(delivery)

        def is_over() -> bool:
            return self.planned_end(planned.member_id).finished_at is not None

        self.wait("the end of her membership", is_over, moment - self._now() + RUN_END_SECONDS)
        row = self.planned_end(planned.member_id)
        delivery.started.append(row.taken_by or planned.next_run_id)
        delivery.seconds = row.finished_at.timestamp() - moment if row.finished_at else 0.0
        run, name = delivery.runs[0], self._names()[delivery.runs[0]]
        moments = [
            timeline.TimelineMoment(at=moment, what="the second of the period's end"),
            *timeline.of_tasks(self._ended_run(DEACTIVATION, run, RUN_END_SECONDS), name),
            *timeline.of_calls(self.sandbox.calls("mailchimp", since=moment)),
            *timeline.of_audit(outcomes.audit_of(self.database, [planned.member_id]), since=moment),
        ]
        delivery.moments = sorted(moments, key=lambda one: one.at)
        return delivery

    def planned_end(self, member_id: UUID) -> Deactivation:
        """Return the newest planned end of a member; raises StoryStoppedError where there is none."""
        rows = Deactivations(self.database).of_member(member_id)
        if not rows:
            raise StoryStoppedError("no end of her membership is planned")
        return rows[-1]

    def told_by(self, run: str) -> list[outcomes.JobEntry]:
        """Return what a job wrote down about one of its runs as a whole."""
        return outcomes.job_entries_of(self.database, run)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note a problem unless what was found is what was wanted."""
        if found != wanted:
            self.problems.append(f"{what}: found {found!r}, wanted {wanted!r}")

    def links(self) -> dict[str, str]:
        """Return the runs' pages in the Airflow UI, under the names they have in the timeline."""
        dags = {run: one.dags.get(run, one.dag) for one in self.deliveries for run in one.runs}
        names = self._names()
        return {name: self.airflow.page_of(dags[run], run) for run, name in names.items()}

    def rows(self, event_ids: Sequence[str]) -> list[outcomes.EventProgress]:
        """Return what became of these events so far."""
        return outcomes.outcomes(self.database, event_ids)

    def people(self, members: Sequence[Newcomer]) -> list[outcomes.PlatformMember]:
        """Return whom the platform knows under these members' addresses."""
        return outcomes.people(self.database, [member.email for member in members])

    def audit(self, people: Sequence[outcomes.PlatformMember]) -> list[outcomes.AuditLine]:
        """Return what is written down about these people."""
        return outcomes.audit_of(self.database, [person.member_id for person in people])

    def _ended_rows(self, event_ids: Sequence[str]) -> list[outcomes.EventProgress]:
        rows: list[outcomes.EventProgress] = []

        def all_ended() -> bool:
            rows[:] = self.rows(event_ids)
            return len(rows) >= len(event_ids) and not any(row.is_open for row in rows)

        self.wait("every event to be done with", all_ended)
        return rows

    def wait(
        self,
        what: str,
        is_so: Callable[[], bool],
        seconds: float | None = None,
        *,
        poll: float = POLL_SECONDS,
    ) -> None:
        """Ask until it is so, every `poll` seconds; raise StoryStoppedError after `seconds`, or its patience."""
        seconds = self.patience_seconds if seconds is None else seconds
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise StoryStoppedError(f"waited {seconds:g} s in vain for {what}")
            time.sleep(poll)

    def _seconds(self, delivery: DeliveryRound) -> float:
        ends = [row.finished_at.timestamp() for row in delivery.rows if row.finished_at]
        return max([*ends, delivery.answered_at]) - delivery.sent_at

    def _moments(self, delivery: DeliveryRound) -> list[TimelineMoment]:
        """Return everybody's records of what came of a delivery; what was there before is not of it."""
        names = self._names()
        tasks = [
            moment
            for run in delivery.runs
            for moment in timeline.of_tasks(
                self._ended_run(dag_of(run, DAG), run, RUN_END_SECONDS), names[run]
            )
        ]
        members = {row.member_id for row in delivery.rows if row.member_id}
        moments = [
            *timeline.of_rows(delivery.rows, names),
            *tasks,
            *timeline.of_calls(self.sandbox.calls("mailchimp", since=delivery.sent_at)),
            *timeline.of_audit(outcomes.audit_of(self.database, members), since=delivery.sent_at),
        ]
        return [moment for moment in moments if moment.at >= delivery.sent_at]

    def _names(self) -> dict[str, str]:
        """Return what the story's runs are called, in their order: run 1, run 2 and so on."""
        runs = dict.fromkeys(run for one in self.deliveries for run in one.runs)
        return {run: f"run {number}" for number, run in enumerate(runs, start=1)}

    def _ended_run(
        self, dag: str, run: str, seconds: float, *, wanted: str = "success"
    ) -> list[TaskTry]:
        """Wait for a run's end, which must be as wanted, and return its tasks."""
        states: list[str | None] = []

        def has_ended() -> bool:
            states.append(self.airflow.run_state(dag, run))
            return states[-1] in ENDED

        self.wait(f"the end of run {run}", has_ended, seconds)
        self.expect(f"state of run {run}", states[-1], wanted)
        return self.airflow.tasks(dag, run)

    def _now(self) -> float:
        return self.clock.now().timestamp()


def open_database(dsn: str) -> psycopg.Connection[Any]:
    """Return a connection that only reads; raises psycopg.Error."""
    connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
    connection.read_only = True
    return connection
