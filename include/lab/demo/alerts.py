"""The alerts' story: each of the four rules about jobs is tripped by failures, heard of at its channels, and mended.

No clock is moved. What ends the alerts is what a person would do: mend the cause, unpause the DAG, clear the red
runs. A cleared run that goes well is no failure any more, so its alert is over before its window is. What the rules
were told at each evaluation is kept, so the backtest finds the firings again after that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.alerts.history import backtest, firings
from include.alerts.names import OF_WEBHOOKS
from include.alerts.readings import reading_of
from include.alerts.rules import load, shortened
from include.alerts.states import PACE
from include.alerts.texts import HEADS
from include.jobs.alert_rules.numbers import StoredNumbers
from include.lab.demo.dead_letter import WHY, replay
from include.lab.demo.stage import DeliveryRound, StoryStoppedError
from include.lab.demo.timeline import TimelineMoment
from include.store import Store
from include.store.dead_letters import Filter
from include.store.dead_letters.table import DeadLetters
from include.store.metrics import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.alerts.history import Firing
    from include.alerts.rules import AlertRule
    from include.lab.demo.sandbox import VendorEvent
    from include.lab.demo.stage import Stage

DAG = "mailchimp_sync"
RULES_DAG = "alert_rules"
OF_DEAD_LETTERS = "dlq_items_accumulating"
ALONE, TOGETHER, WAITING = 6, 20, 101
IN_FLIGHT = 2  # runs that the relay asks for before it lets events wait
REFUSAL = {
    "vendor": "mailchimp",
    "kind": "status",
    "status": 400,
    "body": {"title": "Invalid Resource", "status": 400, "detail": "looks fake or invalid"},
}
LOOK_BACK = timedelta(minutes=15)  # the longest window of a rule about failures
HAND_OVER_SECONDS = 3.0


def alert_rules(stage: Stage) -> None:
    """Trip the four alert rules and mend what they tell of: every message at its channel, and its end."""
    rules = tuple(rule for rule in load() if not OF_WEBHOOKS.intersection(rule.names))
    begin = stage.clock.now()
    if _holding(stage, rules):  # an earlier story, or an earlier play, has left something red
        _mend(stage, rules)
    _evaluate(stage, "the rules are evaluated before")
    start = stage.clock.now()

    try:
        _fail_runs(stage)
        _fill_queue(stage)
        _evaluate(stage, "the rules are evaluated")
    finally:  # whatever happened: the next story needs a world that works
        stage.sandbox.clear_faults()
        _pause(stage, paused=False)
    _mend(stage, rules)
    _evaluate(stage, "the rules are evaluated again")

    kept = firings(Store(stage.database).alerts.events(start, stage.clock.now()))
    for rule in rules:
        _expect_fired_once(stage, rule, kept)
        _expect_told(stage, rule, since=start)
    _expect_backtest(stage, rules, since=begin, start=start)
    _show_messages(stage, since=start)


# --- what goes wrong ---


def _fail_runs(stage: Stage) -> None:
    """Let Mailchimp refuse every contact: run after run fails, and dead letters pile up."""
    stage.sandbox.post("/faults", {**REFUSAL, "method": "PUT"})
    stage.sandbox.post("/faults", {**REFUSAL, "method": "POST", "path": "/lists/*"})
    with_failures = _record(stage, f"Mailchimp refuses {ALONE + TOGETHER} members")
    for number in range(ALONE):
        before = _failed(stage)
        _send(stage, with_failures, _paid(stage, 1))
        stage.wait(f"failed run {number + 1}", lambda b=before: _failed(stage) > b)  # type: ignore[misc]
    before = _failed(stage)
    _send(stage, with_failures, _paid(stage, TOGETHER))
    stage.wait("the run of all of them to fail", lambda: _failed(stage) > before)
    stage.wait("dead letters of all of them", lambda: _dead_letters(stage) > TOGETHER)
    _note(
        stage,
        with_failures,
        f"{_failed(stage)} runs failed, {_dead_letters(stage)} dead letters wait",
    )
    stage.sandbox.clear_faults()


def _fill_queue(stage: Stage) -> None:
    """Pause the DAG, and send more events than may wait.

    Airflow keeps the runs of a paused DAG, so the first events are in runs that cannot start. When as many runs as
    the relay asks for at once are there, the next events wait in the inbox.
    """
    _pause(stage, paused=True)
    queue = _record(stage, f"the DAG is paused, and members pay until more than {WAITING - 1} wait")
    for _ in range(IN_FLIGHT):
        _send(stage, queue, _paid(stage, 1))
        _comes_true(stage, lambda: not _queued(stage))  # it is in a run
    for _ in range(1 + IN_FLIGHT):  # where a run was still to be had, it has taken the first lot
        _send(stage, queue, _paid(stage, WAITING))
        if not _comes_true(stage, lambda: _queued(stage) < WAITING):
            break
    stage.wait("a queue", lambda: _queued(stage) >= WAITING)
    _note(stage, queue, f"{_queued(stage)} events wait")


def _comes_true(stage: Stage, is_so: Callable[[], bool]) -> bool:
    """Tell whether it comes true within the time that the relay takes to hand events over."""
    try:
        stage.wait("the relay", is_so, HAND_OVER_SECONDS)
    except StoryStoppedError:
        return False
    return True


# --- and how it is mended ---


def _mend(stage: Stage, rules: tuple[AlertRule, ...]) -> None:
    """Do what the runbooks say: the DAG is unpaused, the red runs are cleared; wait until all is well."""
    mending = _record(stage, "the DAG goes on, and the red runs are cleared")
    now = stage.clock.now()
    red = Store(stage.database).alerts.failed_runs(
        job=None, since=now - LOOK_BACK, until=now, limit=200
    )
    for dag, run in red:
        if run is not None and dag != RULES_DAG:
            stage.airflow.clear_run(dag, run)
    stage.wait("the cleared runs", lambda: set(_holding(stage, rules)) <= {OF_DEAD_LETTERS})
    _replay_what_is_left(stage)
    stage.wait("all to be well", lambda: not _holding(stage, rules))
    _note(
        stage,
        mending,
        f"{len(red)} runs cleared; {_dead_letters(stage)} dead letters, {_queued(stage)} waiting",
    )


def _replay_what_is_left(stage: Stage) -> None:
    """Replay the dead letters, unless the cleared runs have seen to them while the command was about to begin."""

    def is_left() -> bool:
        return bool(DeadLetters(stage.database).select(Filter(job=DAG), limit=1))

    if is_left():
        try:
            replay(WHY, "--job", DAG, "--per-minute", "600")
        except StoryStoppedError:
            if is_left():
                raise


def _holding(stage: Stage, rules: tuple[AlertRule, ...]) -> list[str]:
    """Return the rules whose condition holds at this moment."""
    now = stage.clock.now()
    numbers = StoredNumbers(Store(stage.database), now=now)
    return [
        rule.name
        for rule in rules
        if reading_of(
            rule, {job: numbers.of(now, rule.window, job) for job in rule.candidates()}
        ).holds
    ]


# --- the rules at work ---


def _evaluate(stage: Stage, title: str) -> None:
    """Have the rules evaluated now, not at the next full minute: that one may come in between, and is as good."""
    stage.start(title, RULES_DAG, vendor="dead-man")


def _show_messages(stage: Stage, *, since: datetime) -> None:
    """Put every message into the part of the story in which it arrived."""
    for message in _arrived(stage):
        parts = [one for one in stage.deliveries if one.sent_at <= message.at]
        if parts and message.at >= since.timestamp():
            parts[-1].moments.append(message)
            parts[-1].moments.sort(key=lambda moment: moment.at)


def _arrived(stage: Stage) -> Iterator[TimelineMoment]:
    """Yield every message as it arrived at its channel; addresses and numbers are shortened."""
    for message in stage.sandbox.get("/state/slack")["messages"]:
        first = message["text"].splitlines()[0].strip("*")
        if not first.startswith(tuple(HEADS.values())):
            continue  # another job's words
        yield TimelineMoment(at=float(message["ts"]), what=f"Slack {message['channel']}: {first}")
    for mail in stage.sandbox.get("/state/mail")["mails"]:
        to = shortened("email", mail["to"][0])
        yield TimelineMoment(at=mail["at"], what=f"mail to {to}: {mail['subject']}")
    for event in stage.sandbox.get("/state/pagerduty")["events"]:
        summary = event.get("payload", {}).get("summary", event["dedup_key"])
        what = f"PagerDuty {event['event_action']}: {summary}"
        yield TimelineMoment(at=event["at"], what=what)
    for text, at in _texts(stage):
        first = text["body"].split(".")[0]
        yield TimelineMoment(at=at, what=f"text message to {shortened('sms', text['to'])}: {first}")


def _texts(stage: Stage) -> list[tuple[dict[str, Any], float]]:
    """Return the text messages with the moment of each; a message itself knows only its second."""
    texts = stage.sandbox.get("/state/twilio")["messages"]
    calls = stage.sandbox.get("/calls", vendor="twilio", method="POST", status=201)["calls"]
    return [(text, call["at"]) for text, call in zip(texts, calls, strict=False)]


def _expect_fired_once(stage: Stage, rule: AlertRule, kept: list[Firing]) -> None:
    mine = [one for one in kept if one.rule == rule.name]
    stage.expect(f"firings of {rule.name}", len(mine), 1)
    ended = [one.resolved_at is not None for one in mine]
    stage.expect(f"{rule.name} is over", ended, [True] * len(mine))


def _expect_told(stage: Stage, rule: AlertRule, *, since: datetime) -> None:
    """Check at the vendors that each target heard of the beginning and of the end, once."""
    for target in rule.notify:
        found = _heard(stage, rule.name, target.channel, since.timestamp())
        stage.expect(f"{rule.name} at {target}", found, ["FIRING", "RESOLVED"])


def _heard(stage: Stage, rule: str, channel: str, since: float) -> list[str]:
    """Return the first words of what a channel heard of a rule, in their order."""
    state: dict[str, Any] = stage.sandbox.get(f"/state/{VENDORS[channel]}")
    if channel == "slack":
        texts = [m["text"].strip("*") for m in state["messages"] if float(m["ts"]) >= since]
    elif channel == "email":
        texts = [m["subject"] for m in state["mails"] if m["at"] >= since]
    elif channel == "sms":
        texts = [text["body"] for text, at in _texts(stage) if at >= since]
    else:
        words = {"trigger": "FIRING", "resolve": "RESOLVED"}
        texts = [
            f"{words[event['event_action']]}: {event['dedup_key']}"
            for event in state["events"]
            if event["at"] >= since
        ]
    return [text.split(":")[0] for text in texts if rule in text.splitlines()[0]]


VENDORS = {"slack": "slack", "email": "mail", "pagerduty": "pagerduty", "sms": "twilio"}


def _expect_backtest(
    stage: Stage, rules: tuple[AlertRule, ...], *, since: datetime, start: datetime
) -> None:
    """Play what was kept of each evaluation again: every alert that fired fires there too, at that moment.

    One whose runs were cleared before may have begun earlier there: history does not see that they were mended.
    """
    now = stage.clock.now()
    alerts = Store(stage.database).alerts
    longest = max(rule.window for rule in rules)
    played = backtest(rules, alerts.samples(since - longest, now))
    delivery = _record(stage, "./ops alerts backtest: the same alerts, from history")
    for kept in firings(alerts.events(start, now)):
        again = next((one for one in played if _covers(one, kept)), None)
        what = f"fires from {again.fired_at:%H:%M:%S}" if again else "does not fire"
        _note(
            stage,
            delivery,
            f"{kept.rule}: fired at {kept.fired_at:%H:%M:%S}; played again it {what}",
        )
        stage.expect(f"{kept.rule} in the backtest", again is not None, wanted=True)


def _covers(played: Firing, kept: Firing) -> bool:
    """Tell whether an alert fires in the backtest when it did."""
    return (
        played.rule == kept.rule
        and played.fired_at <= kept.fired_at + PACE
        and (played.resolved_at is None or played.resolved_at > kept.fired_at)
    )


# --- figures and small acts ---


def _measured(stage: Stage, job: str | None = None) -> Any:
    return measure(Store(stage.database), now=stage.clock.now(), window=LOOK_BACK, job=job)


def _failed(stage: Stage) -> int:
    return int(_measured(stage, DAG).failure_count)


def _dead_letters(stage: Stage) -> int:
    return int(_measured(stage).dlq_count)


def _queued(stage: Stage) -> int:
    return int(_measured(stage).queued_jobs)


def _pause(stage: Stage, *, paused: bool) -> None:
    stage.airflow.ask("PATCH", f"/dags/{DAG}", {"is_paused": paused}).raise_for_status()


def _paid(stage: Stage, count: int) -> list[VendorEvent]:
    acts = [stage.join(stage.newcomer(number), "clerk_first") for number in range(count)]
    return [event for act in acts for event in act.of_type("customer.subscription.created")]


def _send(stage: Stage, delivery: DeliveryRound, events: list[VendorEvent]) -> None:
    answers = stage.sandbox.send(events, copies=1, at_once=len(events))
    stage.expect(
        "the relay's answers other than 200", {s: n for s, n in answers.items() if s != "200"}, {}
    )
    _note(stage, delivery, f"Stripe sends {len(events)} x customer.subscription.created")


def _record(stage: Stage, title: str) -> DeliveryRound:
    delivery = DeliveryRound(title=title, sent_at=stage.clock.now().timestamp())
    stage.deliveries.append(delivery)
    return delivery


def _note(stage: Stage, delivery: DeliveryRound, what: str) -> None:
    now = stage.clock.now().timestamp()
    delivery.moments.append(TimelineMoment(at=now, what=what))
    delivery.seconds = now - delivery.sent_at
