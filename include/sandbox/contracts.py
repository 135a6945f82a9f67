"""Calls and answers held against the vendors' own descriptions."""

from typing import Any


class Contracts:
    """The violations seen so far."""

    def __init__(self) -> None:
        """Start without violations."""
        self.violations: list[dict[str, Any]] = []

    def clear(self) -> None:
        """Forget them."""
        self.violations.clear()
