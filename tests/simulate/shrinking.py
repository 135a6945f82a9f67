"""Make a failing history short: leave acts out as long as it still fails the same way.

Hypothesis would do that, too, by playing thousands of histories; each takes a second. Any part of a history is one,
so leaving out people, halves, quarters and single acts is enough.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Line = dict[str, Any]


def shrunk(
    lines: list[Line], still_fails: Callable[[list[Line]], bool], *, seconds: float
) -> list[Line]:
    """Return a part of the lines that still fails and of which no act can be left out; or what is found in time."""
    until = time.monotonic() + seconds
    for who in {line["who"] for line in lines if "who" in line}:
        part = [line for line in lines if line.get("who") != who]
        if part and time.monotonic() < until and still_fails(part):
            lines = part
    size = max(len(lines) // 2, 1)
    while size and time.monotonic() < until:
        shorter = _without_some(lines, size, still_fails, until)
        if len(shorter) == len(lines):
            size //= 2
        lines = shorter
    return lines


def _without_some(
    lines: list[Line], size: int, still_fails: Callable[[list[Line]], bool], until: float
) -> list[Line]:
    """Leave out each group of so many acts, the last first, that is not needed."""
    for start in range(len(lines) - size, -size, -size):
        if time.monotonic() > until:
            break
        part = [*lines[: max(start, 0)], *lines[start + size :]]
        if part and still_fails(part):
            lines = part
    return lines
