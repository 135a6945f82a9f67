"""Something that is wrong, in one sentence: what, since when, why, who waits, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

NOTHING: Final = "nothing: it goes on by itself"
OPS: Final = "{ops}"  # stands for how people write `ops` where the sentence is read


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthIssue:
    """One of them, and what a person has to do about it."""

    what: str
    since: datetime | None = None
    why: str | None = None
    waiting: str | None = None
    next_try_at: datetime | None = None
    to_do: str = NOTHING

    def __str__(self) -> str:
        """Say it in one sentence, but for what is to be done."""
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        why = f" ({self.why})" if self.why else ""
        next_try = (
            f"it is tried again at {self.next_try_at:%H:%M:%S} UTC" if self.next_try_at else ""
        )
        more = ", ".join(filter(None, (self.waiting, next_try)))
        return f"{self.what}{since}{why}{f': {more}' if more else ''}"


def wait(number: int, noun: str, of: str = "") -> str:
    """Return how many wait: "1 row waits", "12 rows of 9 members wait"."""
    return f"{counted(number, noun)}{of and f' of {of}'} wait{'s' if number == 1 else ''}"


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts: "1 row", "1,200 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
