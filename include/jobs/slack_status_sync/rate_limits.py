"""The rate of each of Slack's methods: so many calls a minute (docs.slack.dev/apis/web-api/rate-limits)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from include.errors import VendorBusyError, VendorUnavailableError
from include.vendors.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.clock import Clock

T = TypeVar("T")

TIER_2, TIER_3, TIER_4 = 20, 50, 100
A_MINUTE: Final = {
    "users.list": TIER_2,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "usergroups.users.update": TIER_2,
    "usergroups.enable": TIER_2,
    "usergroups.disable": TIER_2,
    "users.lookupByEmail": TIER_3,
    "users.profile.set": TIER_3,
    "conversations.info": TIER_3,
    "conversations.invite": TIER_3,
    "conversations.kick": TIER_3,
    "chat.postMessage": TIER_3,  # one a second in a channel; one a run is all there is
    "users.info": TIER_4,
    "conversations.members": TIER_4,
}
TRIES = 3
PAUSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class SlackRateLimiter:
    """Makes all calls of one run, each method at its own rate, none after `until`."""

    def __init__(
        self, *, clock: Clock, until: datetime, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Wait with `sleep`, which tests replace."""
        self._paces = {
            method: RateLimiter(clock=clock, until=until, per_minute=per_minute, sleep=sleep)
            for method, per_minute in A_MINUTE.items()
        }

    def of(self, method: str) -> Callable[[Callable[[], T]], T]:
        """Return what makes a call of a method, which may be repeated: in its turn, and again after a hiccup.

        Raises TimeUpError where the time left is too short for the turn or for the pause that Slack wants.
        """
        limiter = self._paces[method]

        def call(ask: Callable[[], T]) -> T:
            for tries_left in reversed(range(TRIES)):
                try:
                    return limiter.call(ask)
                except VendorUnavailableError as error:
                    if not tries_left:
                        raise
                    log.warning("slack_sync.again", method=method, why=str(error))
                    limiter.wait_out(VendorBusyError(str(error), retry_after_seconds=PAUSE_SECONDS))
            raise AssertionError("unreachable")

        return call
