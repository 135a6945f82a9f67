"""Send what is due, each message once per channel; where a channel fails, the next one is used.

What is refused about one message, or one address, is no word about the channel: the others are sent. A channel that is
away is not asked again in the same pass; what it was to take waits, after what has not been tried yet.

A channel that is busy for a moment is waited for. A message whose channel surely did not take it is tried again a
minute later, ten times at most. One whose answer was lost is asked for at the vendor where that is possible;
otherwise it is not sent again by this channel. In both cases, if nobody else was told of the same event, the next
target of another channel is told instead.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from include.alerts.rules import shortened
from include.errors import Scope, VendorError, VendorUncertainError
from include.notify.sending import Sender, SendPolicy
from include.store.steps import StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from include.alerts.channels import AlertChannel
    from include.alerts.rules import Target
    from include.alerts.texts import AlertMessage
    from include.clock import Clock
    from include.store import Store
    from include.store.alerts import Alerts, Due

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=50)  # the next evaluation is a minute away, give or take its start
POLICY = SendPolicy(
    first_pause=PAUSE, longest_pause=PAUSE, max_attempts=10, has_other_channels=True
)
MOMENT_SECONDS = 3.0  # Slack takes one message a second into a channel
STALE = timedelta(minutes=2)  # longer than a task may take: who began it is gone


@dataclass(kw_only=True)
class AlertDelivery:
    """What came of a pass: how many were told, what failed, and the events nobody could be told of."""

    sent: int = 0
    failures: list[str] = field(default_factory=list)
    unheard: list[int] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Return what failed, in one line without an address."""
        unheard = f"; {len(self.unheard)} alerts reached nobody" if self.unheard else ""
        return f"alert channels failed: {'; '.join(dict.fromkeys(self.failures))}{unheard}"


def deliver(
    *,
    store: Store,
    channels: Mapping[str, AlertChannel],
    instead: Sequence[Target],
    clock: Clock,
    wait: Callable[[float], None] = time.sleep,
) -> AlertDelivery:
    """Send what is due; `instead` are the targets to use, in this order, where a channel fails."""
    sender = Sender(wait=wait, wait_seconds=MOMENT_SECONDS)
    return _Pass(store.alerts, channels, instead, clock, sender).go()


@dataclass
class _Pass:
    """One pass over what is due; each message is tried once in it."""

    _alerts: Alerts
    _channels: Mapping[str, AlertChannel]
    _instead: Sequence[Target]
    _clock: Clock
    _sender: Sender
    _done: AlertDelivery = field(default_factory=AlertDelivery)
    _tried: set[int] = field(default_factory=set)
    _failed: dict[int, list[Due]] = field(default_factory=dict)  # by event
    _why: dict[int, str] = field(default_factory=dict)  # by message
    _refused: set[tuple[str, str]] = field(default_factory=set)  # channel and target

    def go(self) -> AlertDelivery:
        """Send, and go another way where one fails, until there is none left."""
        while due := self._untried():
            for one in due:
                self._tried.add(one.id)
                self._deliver(one)
            self._plan_others()
        self._done.unheard = [
            event for event in self._failed if not self._alerts.has_reached_somebody(event)
        ]
        return self._done

    def _untried(self) -> list[Due]:
        now = self._clock.now()
        due = self._alerts.due(now=now, stale_since=now - STALE)
        untried = [one for one in due if one.id not in self._tried]
        return sorted(untried, key=lambda one: (one.attempts, one.id))

    def _deliver(self, due: Due) -> None:
        """Send one message, unless its channel is away, or a task that died over it has sent it."""
        if (away := self._sender.away.get(due.channel)) and not due.is_begun:
            self._again(due, away)
            return
        try:
            channel = self._channels[due.channel]
            if due.is_begun and self._is_settled(due, channel):
                return
            now = self._clock.now()
            if self._alerts.intend(due.id, now=now, stale_since=now - STALE):
                self._send(due, channel)
        except VendorError as error:
            self._again(due, error)

    def _send(self, due: Due, channel: AlertChannel) -> None:
        message = self._noted(due)
        try:
            receipt = self._sender.send(lambda: channel.send(due.target, message))
        except VendorUncertainError:
            if not self._is_settled(due, channel):
                raise
        else:
            self._end(due, StepState.DONE, receipt=receipt)
            self._done.sent += 1

    def _is_settled(self, due: Due, channel: AlertChannel) -> bool:
        """Find out what became of a message whose answer was lost; False: it can be sent again."""
        if channel.is_repeatable:
            return False
        found = channel.was_sent(due.target, self._noted(due))
        if found:
            self._end(due, StepState.DONE)
            self._done.sent += 1
        elif found is None:
            reason = "it may have arrived; it is not sent twice"
            self._end(due, StepState.UNCERTAIN, reason=reason)
            self._note_failure(due, VendorUncertainError(reason))
        return found is not False

    def _again(self, due: Due, error: VendorError) -> None:
        """Plan another try of what has surely not arrived, while that can help."""
        due_at = POLICY.next_try_at(due.attempts + 1, error, now=self._clock.now())
        state = "failed" if due_at is None else StepState.PLANNED
        self._end(due, state, reason=str(error), due_at=due_at)
        self._note_failure(due, error)

    def _end(
        self,
        due: Due,
        state: str,
        *,
        reason: str | None = None,
        receipt: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        now = self._clock.now()
        self._alerts.end(due.id, state, now=now, reason=reason, receipt=receipt, due_at=due_at)
        log.info("alert.message", message=due.id, rule=due.rule, channel=due.channel, state=state)

    def _note_failure(self, due: Due, error: VendorError) -> None:
        self._failed.setdefault(due.event_id, []).append(due)
        self._sender.note(due.channel, error)
        if error.scope is Scope.PLACE:
            self._refused.add((due.channel, due.target))
        self._why[due.id] = f"{due.channel} {shortened(due.channel, due.target)}: {error}"
        self._done.failures.append(self._why[due.id])

    def _noted(self, due: Due) -> AlertMessage:
        """Return the message, with why it comes this way and what has failed before it."""
        failed = [
            self._why[one.id] for one in self._failed.get(due.event_id, []) if one.id != due.id
        ]
        note = due.note or ("Not delivered by " + "; ".join(failed) if failed else None)
        return replace(due.message, note=note)

    def _plan_others(self) -> None:
        """Plan one more target for each event that nobody could be told of so far."""
        for event_id, failed in self._failed.items():
            if not self._alerts.has_reached_somebody(event_id):
                self._plan_other(event_id, failed)

    def _plan_other(self, event_id: int, failed: Sequence[Due]) -> None:
        first = next((one for one in failed if one.in_place_of is None), failed[0])
        note = "Not delivered by " + "; ".join(self._why[one.id] for one in failed)
        for target in self._instead:
            if target.channel in self._sender.away or (target.channel, target.to) in self._refused:
                continue
            if self._alerts.plan(
                event_id,
                target.channel,
                target.to,
                now=self._clock.now(),
                in_place_of=first.id,
                note=note,
            ):
                return
