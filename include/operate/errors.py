"""What a command cannot do, in one line that says what to do."""

from __future__ import annotations

from include.errors import ActRefusedError

__all__ = ["ActRefusedError", "CommandError"]


class CommandError(Exception):
    """The command cannot go on; the text is the line for the person at the terminal."""
