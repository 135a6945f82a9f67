"""What came of a run, and whether a person must decide something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFindings:
    """What came of a run: what was stopped for a person, and the checks that did not come to their end."""

    stopped: dict[str, str]
    missing: tuple[str, ...]
    found: dict[str, tuple[int, int]]  # by check: how much, and how much of it was put right

    @property
    def problem(self) -> str | None:
        """Return one line about what a person must look at; None where there is nothing."""
        parts = [f"{check}: {why}" for check, why in sorted(self.stopped.items())]
        if self.missing:
            parts.append(f"not checked: {', '.join(self.missing)}")
        return "; ".join(parts) or None

    @property
    def summary(self) -> str:
        """Return one line about what was found."""
        parts = [
            f"{check.replace('_', ' ')} {found}, put right {repaired}"
            for check, (found, repaired) in sorted(self.found.items())
            if found
        ]
        return "; ".join(parts) or "nothing was missed"
