"""The story of a member whom Mailchimp fails: five tries alone, a dead letter, a message, a replay when it is over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from include.lab.demo import outcomes, timeline
from include.lab.demo.checks import expect_members
from include.lab.demo.stage import DAG, DeliveryRound, StoryStoppedError
from include.lab.demo.timeline import TimelineMoment
from include.routing import RETRY
from include.store.dead_letters import DeadLetterState, Filter
from include.store.dead_letters.table import DeadLetters
from include.store.inbox import InboxState
from include.store.notices import Notices
from include.vendors.mailchimp.client import subscriber_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.demo.sandbox import VendorEvent
    from include.lab.demo.stage import Stage
    from include.store.dead_letters import Attempt, DeadLetter
    from include.store.notices import Notice

OPS = Path(__file__).parents[3] / "ops"
PAUSES = (1, 2, 4, 8, 16)
MOST_LAG_SECONDS = 10
COMMAND_SECONDS = 60
WHY = "Mailchimp answers again"


def dead_letter(stage: Stage) -> None:
    """Fail at Mailchimp, five times more alone, wait as a dead letter, and be replayed: a member after all."""
    member = stage.newcomer()
    paid = stage.join(member, "clerk_first").of_type("customer.subscription.created")
    her = (member.email, subscriber_hash(member.email))  # by a call of her own, and among others

    with stage.sandbox.fault("mailchimp", mentions=her, status=503) as fired:
        failed = _give_up(stage, "Mailchimp is out of service, for her", paid)
        stage.expect("whether the fault was met", fired() > 0, wanted=True)
    dead_letter = _dead_letter_of(stage, failed)
    _expect_tries(stage, dead_letter)
    _expect_message(stage, failed, dead_letter)
    _replay(stage, dead_letter, paid)

    expect_members(stage, [member])
    after = DeadLetters(stage.database).get(dead_letter.id)
    stage.expect("state of the dead letter", after and after.state, DeadLetterState.REPLAYED)
    told = [
        entry.action for entry in outcomes.audit_at(stage.database, f"dead_letter:{dead_letter.id}")
    ]
    wanted = ["dead_letter:open", "dead_letter:replay", "dead_letter:replayed"]
    stage.expect("lines about the dead letter in the audit log", told, wanted)


def _give_up(stage: Stage, title: str, events: Sequence[VendorEvent]) -> DeliveryRound:
    """Deliver events whose runs will fail, and wait until they are dead."""
    delivery = DeliveryRound(title=title, sent_at=stage.clock.now().timestamp())
    stage.deliveries.append(delivery)
    delivery.answers = stage.sandbox.send(events, copies=1, at_once=1)
    delivery.answered_at = stage.clock.now().timestamp()
    ids = [event.id for event in events]

    def are_dead() -> bool:
        delivery.rows = stage.rows(ids)
        return {row.state for row in delivery.rows} == {InboxState.DEAD}

    stage.wait("her event to be a dead letter", are_dead)
    dead_letter = _dead_letter_of(stage, delivery)
    tries = DeadLetters(stage.database).attempts(dead_letter.id)
    delivery.dags = {one.dag_run_id: one.job for one in tries}
    delivery.started = list(delivery.dags)
    delivery.seconds = tries[-1].ended_at.timestamp() - delivery.sent_at
    delivery.moments = sorted(
        [
            timeline.sending(events, 1, delivery.sent_at),
            timeline.answering(delivery.answers, delivery.answered_at),
            *(_moment_of(one, number) for number, one in enumerate(tries)),
            *timeline.of_calls(stage.sandbox.calls("mailchimp", since=delivery.sent_at)),
            *timeline.of_audit(
                outcomes.audit_at(stage.database, f"dead_letter:{dead_letter.id}"),
                since=delivery.sent_at,
            ),
        ],
        key=lambda moment: moment.at,
    )
    return delivery


def _moment_of(one: Attempt, number: int) -> TimelineMoment:
    """Return a try: of the batch, or the first to the fifth of `webhook_retry`."""
    name = f"try {number} alone" if number else f"{one.job}, with all its tries"
    late = "" if one.lag_seconds is None else f", began {one.lag_seconds:.2f} s after it was due"
    return TimelineMoment(at=one.ended_at.timestamp(), what=f"{name} failed: {one.reason}{late}")


def _dead_letter_of(stage: Stage, delivery: DeliveryRound) -> DeadLetter:
    dead_letters = DeadLetters(stage.database).of_rows([row.id for row in delivery.rows])
    open_ones = [
        dead_letter for dead_letter in dead_letters if dead_letter.state is DeadLetterState.OPEN
    ]
    stage.expect("open dead letters of her events", len(open_ones), 1)
    if not open_ones:
        raise StoryStoppedError("there is no dead letter")
    return open_ones[0]


def _expect_tries(stage: Stage, dead_letter: DeadLetter) -> None:
    """Check that there were five alone, each due when it should be, and begun soon after."""
    alone = [
        one for one in DeadLetters(stage.database).attempts(dead_letter.id) if one.job == RETRY
    ]
    before = DeadLetters(stage.database).attempts(dead_letter.id)[:-1]
    pauses = [
        round((one.due_at - last.ended_at).total_seconds())
        for last, one in zip(before, alone, strict=False)
        if one.due_at is not None
    ]
    stage.expect("seconds from each try's end to when the next was due", tuple(pauses), PAUSES)
    lags = [one.lag_seconds for one in alone if one.lag_seconds is not None]
    late = [round(lag, 1) for lag in lags if not 0 <= lag < MOST_LAG_SECONDS]
    stage.expect("tries that began too early or far too late", late, [])


def _expect_message(stage: Stage, failed: DeliveryRound, dead_letter: DeadLetter) -> None:
    """Check that Slack has the message about the run that gave up, and that it says what is needed.

    Played again within a quarter of an hour, the same failure is counted and not told anew.
    """
    run, notices = dead_letter.dag_run_id or "", Notices(stage.database)

    def notice() -> Notice | None:
        return notices.of_run(RETRY, run)

    stage.wait(  # Airflow's callback is called by the Dag processor, between two files
        "the message at Slack",
        lambda: (found := notice()) is not None and found.posted_at is not None,
    )
    found = notice()
    if found is None or found.posted_at is None or found.posted_at.timestamp() < failed.sent_at:
        return
    messages = stage.sandbox.get("/state/slack")["messages"]
    text = next((one["text"] for one in messages if one["ts"] == found.thread_ts), "")
    missing = [part for part in (RETRY, run, dead_letter.reason, "runbook") if part not in text]
    stage.expect("what Slack's message does not say", missing, [])
    posted = timeline.of_calls(stage.sandbox.calls("slack", since=failed.sent_at))
    failed.moments = sorted([*failed.moments, *posted], key=lambda moment: moment.at)


def _replay(stage: Stage, dead_letter: DeadLetter, events: Sequence[VendorEvent]) -> None:
    """Replay the dead letter as a person does at the terminal, and follow its run."""
    delivery = DeliveryRound(
        title=f"./ops dead-letters replay {dead_letter.id}", sent_at=stage.clock.now().timestamp()
    )
    stage.deliveries.append(delivery)
    replay(WHY, str(dead_letter.id))
    stage.follow(delivery, events)
    wanted = Filter(ids=(dead_letter.id,))
    stage.expect("dead letters left", len(DeadLetters(stage.database).select(wanted)), 0)
    stage.expect("job of the replay", delivery.dag, DAG)


def replay(why: str, *which: str) -> None:
    """Replay dead letters as a person does at the terminal; raise StoryStoppedError where that is refused."""
    command = [sys.executable, str(OPS), "dead-letters", "replay", *which, "--yes"]
    done = subprocess.run(  # noqa: S603 - ourselves
        [*command, "--actor", "demo", "--reason", why],
        check=False,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    if done.returncode:
        raise StoryStoppedError(
            f"the command failed: {(done.stderr or done.stdout).strip()[-200:]}"
        )
