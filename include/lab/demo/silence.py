"""The story of an endpoint that Stripe has disabled: no webhook comes, and nobody's membership is lost by it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.alerts.states import AlertEventType, Phase
from include.alerts.texts import HEADS
from include.jobs.reconciliation.silence import SilenceCause
from include.lab.demo.checks import expect_members
from include.lab.demo.stage import DeliveryRound
from include.lab.demo.timeline import TimelineMoment
from include.routing import ROUTES
from include.store import Store

if TYPE_CHECKING:
    from datetime import datetime

    from include.lab.demo.sandbox import VendorEvent
    from include.lab.demo.stage import Newcomer, Stage
    from include.store.webhooks import Silence

AGO = timedelta(minutes=3)  # what is younger than two minutes may still come, and is not missed yet
RULE = "webhooks_silent"
WORDS = "Stripe's endpoint is disabled"
PAYING = 3
LOOK_SECONDS = 30  # until the story's own look, on a busy machine


def endpoint_disabled(stage: Stage) -> None:
    """Have Stripe disable the endpoint: the next look reads in what did not come, and people are told what to do."""
    members = [stage.newcomer(number) for number in range(PAYING)]
    stage.keep_clear_of("reconciliation", LOOK_SECONDS)
    if Store(
        stage.database
    ).webhooks.silences():  # another cause that a look has just found: what is told has its end
        stage.start("the alert rules, of another cause", "alert_rules", vendor="dead-man")
    begin, was_firing = stage.clock.now(), _is_firing(stage)
    _switch(stage, "disabled", ago=AGO)
    try:
        untold = _join_untold(stage, members)
        _look(stage, "the look of every quarter of an hour")
        _follow(stage, untold)
        expect_members(stage, members)
        _expect_known(stage, len(untold), begin=begin)
        if not was_firing:  # else the alert fires of another cause, which is told once
            _expect_told(stage, since=begin)
    finally:  # whatever happened: the next story needs an endpoint that is on
        _switch(stage, "enabled")

    newcomer = stage.newcomer(PAYING)
    stage.deliver("it is enabled, and one more joins", stage.join(newcomer, "stripe_first").events)
    _look(stage, "the next look")
    expect_members(stage, [*members, newcomer])
    stage.expect("whether it goes on", _silence(stage) is not None, wanted=False)
    _expect_end_told(stage, since=begin, was_firing=was_firing)


def _switch(stage: Stage, becomes: str, *, ago: timedelta = timedelta()) -> None:
    seconds = round(ago.total_seconds())
    stage.sandbox.act("switch_endpoint", becomes=becomes, seconds_ago=seconds)


def _join_untold(stage: Stage, members: list[Newcomer]) -> list[VendorEvent]:
    """Let them pay and sign up, of which only Clerk tells; return what Stripe does not tell."""
    seconds = round(AGO.total_seconds())
    acts = [
        stage.sandbox.act("new_member", via="stripe_first", seconds_ago=seconds, **vars(member))
        for member in members
    ]
    stage.deliver(
        f"Stripe has disabled the endpoint; {PAYING} have paid, and only Clerk tells of them",
        [event for act in acts for event in act.of("clerk")],
    )
    untold = [event for act in acts for event in act.of("stripe") if event.type in ROUTES["stripe"]]
    stage.expect("what Stripe has told", stage.rows([event.id for event in untold]), [])
    return untold


def _look(stage: Stage, title: str) -> None:
    stage.start(title, "reconciliation", vendor="stripe")


def _follow(stage: Stage, untold: list[VendorEvent]) -> None:
    """Follow what the look has read in: it goes as what came by webhook does."""
    read_in = DeliveryRound(
        title="what did not come goes the normal way", sent_at=stage.deliveries[-1].sent_at
    )
    stage.deliveries.append(read_in)
    stage.follow(read_in, untold)


def _silence(stage: Stage) -> Silence | None:
    """Return what is known of the endpoint that is off."""
    found = Store(stage.database).webhooks.silences()
    return next((one for one in found if one.cause == SilenceCause.ENDPOINT_DISABLED), None)


def _expect_known(stage: Stage, missing: int, *, begin: datetime) -> None:
    """Check the cause, since when, what is missing and what to do."""
    silence = _silence(stage)
    if silence is None:
        stage.problems.append("nobody knows that the endpoint is disabled")
        return
    stage.expect("the cause", silence.words, WORDS)
    stage.expect("what to do", silence.to_do.split(",")[0], "enable it in Stripe's dashboard")
    stage.expect("is it since then", silence.since < begin - AGO / 2, wanted=True)
    stage.expect("are all counted", silence.missing >= missing, wanted=True)
    what = f"{silence.words} since {silence.since:%H:%M:%S}, {silence.missing} missing: {silence.to_do}"
    stage.deliveries[-1].moments.append(TimelineMoment(at=stage.clock.now().timestamp(), what=what))


def _expect_told(stage: Stage, *, since: datetime) -> None:
    """Have the rules evaluated: one message in Slack says why, and what to do."""
    stage.start("the alert rules", "alert_rules", vendor="dead-man")
    texts = _texts(stage, AlertEventType.FIRED, since=since)
    stage.expect("messages of the alert", len(texts), 1)
    is_told = [WORDS in text and "enable it" in text for text in texts]
    stage.expect("does it say why, and what to do", is_told, [True] * len(texts))


def _expect_end_told(stage: Stage, *, since: datetime, was_firing: bool) -> None:
    """Have the rules evaluated again: each beginning has its end, unless another cause goes on."""
    stage.start("the alert rules again", "alert_rules", vendor="dead-man")
    if Store(stage.database).webhooks.silences():
        return
    stage.expect("does the alert fire", _is_firing(stage), wanted=False)
    begun = len(_messages(stage, AlertEventType.FIRED, since=since)) + was_firing
    ended = len(_texts(stage, AlertEventType.RESOLVED, since=since))
    stage.expect("messages of its end", (ended, ended > 0), (begun, True))


def _is_firing(stage: Stage) -> bool:
    state = Store(stage.database).alerts.states().get(RULE)
    return state is not None and state.phase is Phase.FIRING


def _messages(stage: Stage, what: AlertEventType, *, since: datetime) -> list[dict[str, Any]]:
    """Return the messages that Slack got about this since then."""
    return [
        message
        for message in stage.sandbox.get("/state/slack")["messages"]
        if float(message["ts"]) >= since.timestamp()
        and message["text"].strip("*").startswith(f"{HEADS[what]}: {RULE}")
    ]


def _texts(stage: Stage, what: AlertEventType, *, since: datetime) -> list[str]:
    """Return what Slack was told, and show when."""
    found = _messages(stage, what, since=since)
    for message in found:
        head = f"Slack {message['channel']}: {message['text'].splitlines()[0].strip('*')}"
        at = float(message["ts"])  # the rules' own minute may have come before the run by hand
        parts = [one for one in stage.deliveries if one.sent_at <= at]
        parts[-1].moments.append(TimelineMoment(at=at, what=head))
    return [message["text"] for message in found]
