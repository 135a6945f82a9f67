"""One line that is drawn anew on a terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO


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
