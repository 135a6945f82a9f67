"""What a command cannot do, in one line that says what to do."""

from __future__ import annotations

from include.errors import ActRefusedError, CommandError

__all__ = ["ActRefusedError", "CommandError"]
