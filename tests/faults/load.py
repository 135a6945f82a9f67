"""A load of members who join, sent as vendors do: until it is taken, in any order, more than once."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.faults.invariants import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.lab.demo.stage import Newcomer, Stage

SEED = 20260301
COUNT_ROWS = "SELECT count(*) AS count FROM ops.inbox WHERE event_id = ANY(%s) AND state = ANY(%s)"
COUNT_DUE = (
    "SELECT count(*) AS count FROM ops.inbox"
    " WHERE event_id = ANY(%s) AND state = 'waiting' AND due_at <= now()"
)


class Load:
    """Members who join while all of it goes on."""

    def __init__(self, stage: Stage) -> None:
        """Have nobody joined yet."""
        self.stage = stage
        self.members: list[Newcomer] = []
        self.events: dict[str, Newcomer] = {}  # whom each event is about
        self._dice = random.Random(SEED)  # noqa: S311 - chance for tests

    def join(self, number: int) -> None:
        """Let so many members join; nothing is sent yet."""
        for _ in range(number):
            member = self.stage.newcomer(len(self.members))
            via = "clerk_first" if self._dice.random() < 1 / 2 else "stripe_first"
            self.members.append(member)
            joined = self.stage.join(member, via)
            self.events |= {event.id: member for event in joined.events}

    def send(self) -> int:
        """Send what was not taken, each twice and in any order; return how much that was."""
        shown = self.stage.sandbox.get("/webhooks")["events"]
        left = [one["id"] for one in shown if one["id"] in self.events and not one["delivered"]]
        if left:
            wish = {"events": left, "order": "shuffled", "concurrency": 8, "duplicates": 1}
            self.stage.sandbox.post("/webhooks/send", wish)
        return len(left)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send in a thread of its own while the block runs."""
        thread = threading.Thread(target=self.send)
        thread.start()
        yield
        thread.join(timeout=120)

    def is_taken(self) -> bool:
        """Tell whether runs have taken all rows that are due."""
        return ask(self.stage, COUNT_DUE, [*self.events])[0]["count"] == 0

    def is_over(self) -> bool:
        """Tell whether all is taken, and nothing more comes of it by itself."""
        states = ["waiting", "dispatched", "failed"]
        return (
            not self.send() and ask(self.stage, COUNT_ROWS, [*self.events], states)[0]["count"] == 0
        )
