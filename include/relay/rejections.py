"""Counting refused requests in memory, so that a forger makes a number grow and not a table."""

from __future__ import annotations

from collections import Counter
from threading import Lock


class RejectionCounter:
    """Counts by (provider, reason) since they were last taken."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def add(self, provider: str, reason: str) -> None:
        """Count one refused request; `reason` is one of few."""
        with self._lock:
            self._counts[provider, reason] += 1

    def take(self) -> Counter[tuple[str, str]]:
        """Return the counts and start anew."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return counts

    def requeue(self, counts: Counter[tuple[str, str]]) -> None:
        """Keep counts that could not be written."""
        with self._lock:
            self._counts += counts
