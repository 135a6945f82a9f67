"""Where each rule stands now, what has happened to it since, and who is to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from include.alerts.names import OF_THE_PRESENT, OF_WEBHOOKS
from include.alerts.pauses import hushed
from include.alerts.readings import reading_of
from include.alerts.states import (
    PACE,
    AlertEvent,
    AlertEventType,
    AlertState,
    Phase,
    alert_event_from,
    forgotten,
    instants,
    is_forgotten,
    step,
    to_tell,
)
from include.alerts.texts import Link, message_of, moment
from include.store.metrics import outages

if TYPE_CHECKING:
    from datetime import datetime

    from include.alerts.history import Sample
    from include.alerts.rules import AlertRule
    from include.links import Links
    from include.store import Store

WRONG_CLOCK = timedelta(minutes=2)  # so far ahead no evaluation can have been

log = structlog.get_logger(__name__)


class JobNumbers(Protocol):
    """The jobs' numbers."""

    def of(self, at: datetime, window: timedelta, job: str | None) -> Mapping[str, float | None]:
        """Return a job's numbers at an instant, or those of all jobs; what is not known is None."""
        ...

    def samples(self, at: datetime, since: datetime) -> Iterable[Sample]:
        """Return what is kept of the time between two evaluations."""
        ...


Examples = Callable[["AlertRule", AlertEvent], Sequence[Link]]
"""(rule, what happened to it) → where to look."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an evaluation found: `changes` are told. Nothing, where a later one was there before."""

    at: datetime
    states: tuple[AlertState, ...] = ()
    changes: tuple[AlertEvent, ...] = ()


def evaluate(  # noqa: PLR0913 - the rules' world
    rules: Sequence[AlertRule],
    *,
    store: Store,
    numbers: JobNumbers,
    examples: Examples,
    links: Links,
    now: datetime,
) -> Evaluation:
    """Evaluate all rules as of `now`, and the minutes since the last time that were missed.

    Everything is written together: a task that dies leaves all of it for the next one, or nothing.
    """
    with store.transaction():
        last = store.alerts.lock()
        if last is not None and now <= last:
            if last - now < WRONG_CLOCK:
                return Evaluation(at=now)
            last = None  # the clock that said so was wrong: the watch must not stop until then
        ats = instants(last, now)
        known, pauses = store.alerts.states(), store.alerts.pauses()
        down = outages(store, now=now)
        states, told = [], []
        for rule in rules:
            before = known.pop(rule.name, AlertState(rule=rule.name))
            if is_forgotten(last, now):
                before = forgotten(before)
            hush = partial(hushed, pauses.get(rule.name), outages=down)
            after, changes, quiet = _go_on(rule, before, numbers, ats, hush)
            told += _keep(rule, changes, quiet, store=store, examples=examples, links=links)
            states.append(after)
        states += [_end(state, store=store, now=now) for state in known.values()]
        begin = last or now - max((rule.window for rule in rules), default=PACE)
        _keep_samples(ats, begin, store=store, numbers=numbers)
        store.alerts.save(states, now=now)
        store.alerts.note_evaluation(now=now)
    for change in told:
        log.info("alert.changed", rule=change.rule, what=change.what.value, job=change.reading.job)
    return Evaluation(at=now, states=tuple(states), changes=tuple(told))


def _go_on(
    rule: AlertRule,
    state: AlertState,
    numbers: JobNumbers,
    ats: Sequence[datetime],
    hush: Callable[..., tuple[AlertState, AlertEventType | None, bool]],
) -> tuple[AlertState, list[AlertEvent], list[AlertEvent]]:
    """Take a rule from where it stood through these instants; of some changes nobody is told."""
    changes, quiet = list[AlertEvent](), list[AlertEvent]()
    for at in ats:
        found = {job: numbers.of(at, rule.window, job) for job in rule.candidates()}
        reading = reading_of(rule, found)
        if at != ats[-1] and not reading.is_known and OF_THE_PRESENT.intersection(rule.names):
            continue  # nothing is known of that minute: it speaks neither for the alert nor against it
        before = state
        after, what = step(rule, before, reading, now=at)
        state, what, is_quiet = hush(before, after, what, at=at)
        if what is not None:
            change = alert_event_from(state, what, at=at, since=before.since)
            (quiet if is_quiet else changes).append(change)
    return state, changes, quiet


def _keep(  # noqa: PLR0913 - what happened to a rule, and its world
    rule: AlertRule,
    changes: Sequence[AlertEvent],
    quiet: Sequence[AlertEvent],
    *,
    store: Store,
    examples: Examples,
    links: Links,
) -> list[AlertEvent]:
    """Keep what happened, and plan whom to tell; return what is told."""
    told = to_tell(changes)
    for change in quiet:
        store.alerts.add_event(change, condition=rule.condition, message=None)
    for change in changes:
        message = None
        if change in told:
            message = message_of(
                rule,
                change,
                examples=examples(rule, change),
                links=links,
                causes=_causes(rule, change, store, links),
            )
        event_id = store.alerts.add_event(change, condition=rule.condition, message=message)
        if message is not None:
            _plan(event_id, change, [(to.channel, to.to) for to in rule.notify], store)
    return told


def _causes(rule: AlertRule, change: AlertEvent, store: Store, links: Links) -> list[str]:
    """Return why webhooks do not come, since when, what is missing and what to do, for a rule about them."""
    if change.what is AlertEventType.RESOLVED or not OF_WEBHOOKS.intersection(rule.names):
        return []
    return [
        f"{one.words}, since {moment(one.since)}{f'; {one.lost}' if one.lost else ''}."
        f" To do: {one.to_do.replace('{ops}', links.command)}"
        for one in store.webhooks.silences()
    ]


def _keep_samples(
    ats: Sequence[datetime], since: datetime, *, store: Store, numbers: JobNumbers
) -> None:
    """Keep what the rules were told since the last evaluation, for backtests."""
    for at in ats:
        store.alerts.add_samples(numbers.samples(at, since))
        since = at


def _plan(
    event_id: int, change: AlertEvent, targets: Sequence[tuple[str, str]], store: Store
) -> None:
    """Plan whom to tell: everybody the rule names; of an end those who know of the beginning."""
    if change.what is AlertEventType.RESOLVED and change.fired_at is not None:
        targets = store.alerts.told(change.rule, change.fired_at)
        store.alerts.drop(change.rule, change.fired_at, now=change.at)
    for channel, target in targets:
        store.alerts.plan(event_id, channel, target, now=change.at)


def _end(state: AlertState, *, store: Store, now: datetime) -> AlertState:
    """End the alert of a rule that is not in the file any more; tell those who were told."""
    ended = replace(state, phase=Phase.INACTIVE, since=None)
    if state.phase is not Phase.FIRING or state.fired_at is None:
        return ended
    change = alert_event_from(state, AlertEventType.RESOLVED, at=now, since=state.since)
    fired = store.alerts.fired_message(state.rule, state.fired_at)
    message = fired and replace(
        fired, what=AlertEventType.RESOLVED, at=now, examples=(), facts=("The rule was taken away",)
    )
    event_id = store.alerts.add_event(change, condition="", message=message)
    if message is not None:
        _plan(event_id, change, (), store)
    return ended
