"""What is old enough to go: per rule one statement that counts and one that removes, in small batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.store.sql import Table, queries

if TYPE_CHECKING:
    from datetime import datetime


SQL = queries("retention")
COUNT, REMOVE = "count_", "remove_"


class Retention(Table, file="retention"):
    """The rules of `queries/retention.sql`, by name."""

    @staticmethod
    def rules() -> set[str]:
        """Return the names of the rules; each has both statements."""
        statements: list[str] = SQL.available_queries  # type: ignore[assignment]
        counted = {name.removeprefix(COUNT) for name in statements if name.startswith(COUNT)}
        removed = {name.removeprefix(REMOVE) for name in statements if name.startswith(REMOVE)}
        return counted & removed

    def count(self, rule: str, *, before: datetime) -> int:
        """Count what a rule would remove."""
        return getattr(self._sql, COUNT + rule)(before=before)

    def remove(self, rule: str, *, before: datetime, row_limit: int) -> int:
        """Remove at most `row_limit` rows; what somebody holds at the moment is passed over."""
        return getattr(self._sql, REMOVE + rule)(before=before, row_limit=row_limit)

    def analyze(self) -> None:
        """Let the planner know what is left."""
        self._sql.analyze_tables()
