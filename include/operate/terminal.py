"""What the commands say: plain lines, and one line that is drawn anew on a terminal."""

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


class Line:
    """What is being waited for: drawn anew on a terminal, printed when it changes elsewhere."""

    def __init__(self, out: TextIO | None = None) -> None:
        """Draw on `out`, the standard error by default: the standard output is for results."""
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._last = ""

    def show(self, text: str, *, detail: str = "") -> None:
        """Show `text`; `detail` is for terminals only."""
        with suppress(OSError, ValueError):
            if self._live:
                self._out.write(f"\r\033[K{text} {detail}"[:160])
            elif text != self._last:
                self._out.write(f"{text}\n")
            self._out.flush()
        self._last = text

    def clear(self) -> None:
        """Take it away."""
        if self._live:
            with suppress(OSError, ValueError):
                self._out.write("\r\033[K")
                self._out.flush()
