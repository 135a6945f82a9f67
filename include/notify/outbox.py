"""Send what is noted to Slack.

A message is sent twice only where a process dies between Slack's answer and the note of it, or where Slack's answer
is lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from include.errors import PermanentVendorError, Scope, VendorError
from include.notify.notices import QUIET, note_new_dead_letters
from include.notify.sending import Sender, SendPolicy
from include.notify.texts import TEXTS, buttons_of, recovery_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from include.alerts.texts import Link
    from include.clock import Clock
    from include.links import Links
    from include.store import Store
    from include.store.notices import Notice
    from include.vendors.slack.client import Slack

CHANNEL = "slack"
LEASE = timedelta(minutes=1)  # for whoever sends; a message and its time-out take some seconds
BATCH_SIZE = (
    10  # Slack takes one message a second of a channel; a callback has 50 s for all it does
)
SHORT_PAUSE = 2.0  # seconds that are waited on the spot: Slack wants one between two messages
POLICY = SendPolicy(first_pause=timedelta(minutes=1), longest_pause=timedelta(minutes=30))

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What came of sending: how many messages, and why one could not be sent."""

    messages: int
    problem: str | None = None


def send_due(
    *,
    store: Store,
    slack: Slack,
    links: Links,
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
) -> Sent:
    """Send what is due. A Slack that is down raises nothing: the messages wait.

    What is refused about one message is that message's failure alone. Where Slack as a whole is away or busy, the
    others wait with it, and are the first to be tried then. One whose answer was lost is sent again: told twice is
    better than never. `pause` waits for the second that Slack wants between two messages.
    """
    now, messages = clock.now(), 0
    ours = _Slack(slack, links, Sender(wait=pause, wait_seconds=SHORT_PAUSE))
    note_new_dead_letters(store=store, now=now)
    due = store.notices.take_due(
        now=now, quiet_since=now - QUIET, leased_until=now + LEASE, limit=BATCH_SIZE
    )
    problem: str | None = None
    for number, notice in enumerate(due):
        if away := ours.sender.away.get(CHANNEL):
            store.notices.defer(due[number:], until=now + POLICY.pause_after(1, away))
            break
        try:
            messages += _tell(notice, ours, store=store, now=now)
        except VendorError as error:
            problem = problem or str(error)
            ours.sender.note(CHANNEL, error)
            _try_again(notice, error, store=store, now=now)
    return Sent(messages=messages, problem=problem)


def _try_again(notice: Notice, error: VendorError, *, store: Store, now: datetime) -> None:
    """Have a message tried again later; one that is refused for what it says is given up, and shown."""
    next_try_at = POLICY.next_try_at(notice.attempts, error, now=now)
    is_given_up = next_try_at is None
    log.warning("notice.waits", key=notice.key, problem=str(error), is_given_up=is_given_up)
    if next_try_at is None:
        store.notices.give_up(notice, problem=str(error), now=now)
    else:
        store.notices.postpone(notice, problem=str(error), next_try_at=next_try_at)


@dataclass(frozen=True, slots=True)
class _Slack:
    """Puts messages into the channels of one workspace."""

    slack: Slack
    links: Links
    sender: Sender

    def post(
        self,
        text: str,
        *,
        buttons: Sequence[Link] = (),
        to_staff: bool = False,
        thread_ts: str | None = None,
    ) -> str:
        """Post a message; where the thread that it belongs to is gone, without it."""
        slack = self.slack
        channel = slack.staff_channel if to_staff else slack.ops_channel
        post = partial(slack.post_message, channel, text, buttons=buttons)
        try:
            return self.sender.send(lambda: post(thread_ts=thread_ts))
        except PermanentVendorError as error:
            if error.scope is not Scope.THREAD or thread_ts is None:
                raise
        # The call that was refused counts: Slack may want its pause here, too.
        return self.sender.send(post)


def _tell(notice: Notice, ours: _Slack, *, store: Store, now: datetime) -> int:
    """Send a failure, its recovery in the thread, or both; return how many messages that were."""
    messages, thread_ts = 0, notice.thread_ts
    kind = notice.facts.get("kind", "failure")
    is_finding = kind == "finding"
    if _failure_is_due(notice, now):
        thread_ts = ours.post(
            TEXTS[kind](notice, ours.links),
            buttons=buttons_of(notice, ours.links),
            to_staff=is_finding,
        )
        store.notices.told(notice, thread_ts=thread_ts, now=now)
        messages += 1
    if not notice.recovery_told and thread_ts is not None:
        ours.post(recovery_text(notice, ours.links), to_staff=is_finding, thread_ts=thread_ts)
        store.notices.recovery_told(notice, now=now)
        messages += 1
    return messages


def _failure_is_due(notice: Notice, now: datetime) -> bool:
    if notice.posted_at is None:
        return True
    is_news = notice.state == "open" and notice.told < notice.count
    return is_news and notice.posted_at <= now - QUIET
