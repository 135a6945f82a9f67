"""What makes a figure impossible."""

from __future__ import annotations

from include.stack.errors import StackError


class BenchError(StackError):
    """The figure cannot be measured; the text is the line for the person at the terminal."""
