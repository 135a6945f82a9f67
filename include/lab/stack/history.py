"""What happened to the processes: read from supervisor's log, which nobody has to run for."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# 2026-11-23 22:41:07,123 WARN exited: relay (terminated by SIGKILL; not expected)
LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ \w+ (?P<verb>spawned|exited|gave up): (?P<rest>.*)"
)
SPAWNED = re.compile(r"'(?P<name>[^']+)' with pid (?P<pid>\d+)")
EXITED = re.compile(r"(?P<name>\S+) \((?P<how>.*); (?P<expected>not expected|expected)\)")
GAVE_UP = re.compile(r"(?P<name>\S+) (?P<how>.*)")


@dataclass(frozen=True, kw_only=True)
class ProcessEvent:
    """One line of the history; `how` is empty for a start."""

    at: str
    name: str
    verb: str  # spawned, exited, gave up
    how: str = ""
    pid: int | None = None

    def __str__(self) -> str:
        """Say it to a person."""
        if self.verb == "exited":
            return f"{self.name} ended by itself ({self.how}) and is started again"
        if self.verb == "gave up":
            return f"{self.name} does not stay up and is left down; see its log"
        return f"{self.name} started with process id {self.pid}"


def happenings(lines: Iterable[str]) -> Iterator[ProcessEvent]:
    """Yield what the lines of a supervisor log tell about processes."""
    for line in lines:
        found = LINE.match(line)
        if found is None:
            continue
        pattern = {"spawned": SPAWNED, "exited": EXITED, "gave up": GAVE_UP}[found["verb"]]
        if about := pattern.match(found["rest"]):
            parts = about.groupdict()
            yield ProcessEvent(
                at=found["at"],
                name=parts["name"],
                verb=found["verb"],
                how=parts.get("how") or "",
                pid=int(parts["pid"]) if "pid" in parts else None,
            )


def read(log: Path) -> list[ProcessEvent]:
    """Return the happenings since the stack's start; empty where there is no log."""
    try:
        with log.open(errors="replace") as lines:
            return list(happenings(lines))
    except FileNotFoundError:
        return []


def restarts(history: Iterable[ProcessEvent]) -> Counter[str]:
    """Count for each process how often it was started again."""
    starts = Counter(one.name for one in history if one.verb == "spawned")
    return Counter({name: count - 1 for name, count in starts.items() if count > 1})


def last_exits(history: Iterable[ProcessEvent]) -> dict[str, str]:
    """Return for each process that ended how it last did, and when."""
    return {one.name: f"{one.how} at {one.at}" for one in history if one.verb == "exited"}


class Follower:
    """Reads what was added to a log since the last look."""

    def __init__(self, log: Path) -> None:
        """Begin at the end of `log` as it is now."""
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0

    def news(self) -> list[ProcessEvent]:
        """Return the happenings since the last call."""
        try:
            with self._log.open("rb") as file:
                if file.seek(0, 2) < self._at:
                    self._at = 0  # the log was rotated
                file.seek(self._at)
                fresh = file.read()
        except FileNotFoundError:
            return []
        whole, _, _ = fresh.rpartition(b"\n")
        self._at += len(whole) + 1 if whole else 0
        return list(happenings(whole.decode(errors="replace").splitlines()))
