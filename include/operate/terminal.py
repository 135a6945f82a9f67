"""What the commands say, and how they end."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

from rich.console import Console

if TYPE_CHECKING:
    from types import FrameType


def say(text: str = "", *, out: TextIO | None = None) -> None:
    """Print a line; a terminal that is gone is no reason to leave processes behind."""
    with suppress(OSError, ValueError):
        print(text, file=out or sys.stdout, flush=True)


def console() -> Console:
    """Return where tables are drawn: as wide as the terminal, and wide enough in a file."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def stop_on_signals() -> None:
    """Make a request to end, and the end of the terminal, the same as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _hang_up)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _hang_up(_number: int, _frame: FrameType | None) -> NoReturn:
    """Write to nowhere from here on: the terminal has gone."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    raise KeyboardInterrupt
