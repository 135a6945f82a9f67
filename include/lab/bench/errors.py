"""What makes a figure impossible."""

from __future__ import annotations

from include.errors import CommandError


class BenchError(CommandError):
    """The figure cannot be measured; the text is the line for the person at the terminal."""
