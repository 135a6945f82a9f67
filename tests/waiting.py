"""Waiting for what other processes do: ask, and give up in the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Ask until it is so; tell whether it was, in this time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
