"""Slack's limits: calls a minute by method, and one message a second in a channel.

docs.slack.dev/apis/web-api/rate-limits. Slack lets short bursts pass and does not say how long; here
the limit is the limit, so that whoever keeps to it here keeps to it there.
"""

import math
from collections import defaultdict, deque

from include.lab.sandbox.slack import errors

MINUTE = 60.0
TIER_2, TIER_3, TIER_4 = 20, 50, 100
A_MINUTE = {
    "users.list": TIER_2,
    "usergroups.list": TIER_2,
    "usergroups.create": TIER_2,
    "usergroups.enable": TIER_2,
    "usergroups.disable": TIER_2,
    "usergroups.users.list": TIER_2,
    "usergroups.users.update": TIER_2,
    "users.conversations": TIER_2,
    "conversations.list": TIER_2,
    "users.lookupByEmail": TIER_3,
    "users.profile.set": TIER_3,
    "conversations.info": TIER_3,
    "conversations.invite": TIER_3,
    "conversations.kick": TIER_3,
    "conversations.open": TIER_3,
    "conversations.join": TIER_3,
    "chat.update": TIER_3,
    "team.info": TIER_3,
    "users.info": TIER_4,
    "users.profile.get": TIER_4,
    "conversations.members": TIER_4,
}
SECONDS_BETWEEN_MESSAGES = 1.0


class Limits:
    """When each method was called, and when each channel had its last message."""

    def __init__(self) -> None:
        """Start with nothing used."""
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._messages: dict[str, float] = {}

    def count_call(self, method: str, now: float) -> None:
        """Count a call of a method, or refuse it until the oldest of the last minute is over."""
        allowed = A_MINUTE.get(method)
        if allowed is None:
            return
        calls = self._calls[method]
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        if len(calls) >= allowed:
            raise errors.rate_limited(math.ceil(calls[0] + MINUTE - now))
        calls.append(now)

    def count_message(self, channel_id: str, now: float) -> None:
        """Count a message in a channel, or refuse the second within a second."""
        if now - self._messages.get(channel_id, -math.inf) < SECONDS_BETWEEN_MESSAGES:
            raise errors.rate_limited(1)
        self._messages[channel_id] = now
