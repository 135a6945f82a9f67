"""What came of a run: counts by target, and errors by ids. No address is in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

MAX_ERRORS_SHOWN = 100
Errors = list[dict[str, str]]


@dataclass(kw_only=True, slots=True)
class TargetResult:
    """What came of the user group or of a channel. Of a dry run: what would."""

    before: int = 0
    added: int = 0
    removed: int = 0
    waiting: int = 0  # lapsed, in their grace period
    dropped: int = 0  # gone from Slack, or guests and bots in the group
    left: int = 0  # for the next run
    is_disabled: bool = False
    refused: str | None = None  # why nothing was changed

    def document(self) -> dict[str, Any]:
        """Return what is to be told of it as JSON."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(kw_only=True, slots=True)
class SlackSyncResult:
    """Counts of people at Slack, where nothing else is said."""

    dry_run: bool
    active: int = 0  # members in good standing
    matched: int = 0  # those of them who are ordinary people at Slack
    unmatched: int = 0  # those without an account that could be found
    passed_over: Counter[str] = field(default_factory=Counter)  # staff, guests, protected …
    targets: dict[str, TargetResult] = field(default_factory=dict)
    fields_set: int = 0
    fields_left: int = 0
    proposed: int = 0  # accounts that staff was told of
    stopped: str | None = None  # why before the end
    refused: str | None = None  # why nothing at all was changed
    errors: Errors = field(default_factory=list)  # target, person where it is one, why

    @property
    def refusals(self) -> dict[str, str]:
        """Return what was refused and why, by target."""
        found = {name: one.refused for name, one in self.targets.items() if one.refused}
        return {"everything": self.refused, **found} if self.refused else found

    @property
    def done(self) -> int:
        """Count what was changed."""
        targets = self.targets.values()
        return sum(p.added + p.removed + p.dropped for p in targets) + self.fields_set

    @property
    def is_failure(self) -> bool:
        """Tell whether a person has to look: something was refused, or nothing but errors came about.

        Nobody has to look at a dry run but the one who started it.
        """
        is_powerless = bool(self.errors) and not self.done
        is_late = self.stopped is not None and not self.done
        return not self.dry_run and (bool(self.refusals) or is_powerless or is_late)

    @property
    def summary(self) -> str:
        """Return one line."""
        added = sum(target.added for target in self.targets.values())
        removed = sum(target.removed for target in self.targets.values())
        reasons = [f"refused {name}: {why}" for name, why in self.refusals.items()]
        reasons += sorted({error["why"] for error in self.errors})
        reasons += [self.stopped] if self.stopped else []
        if self.active and not self.matched:
            reasons.append(
                f"none of {self.active} members has an account at Slack that could be found"
            )
        line = f"added {added}, removed {removed}, errors {len(self.errors)}"
        return f"{line} ({'; '.join(reasons)})" if reasons else line

    def add_error(self, why: str, *, target: str, person: str | None = None) -> None:
        """Note what failed: for a person, or for a target as a whole."""
        who = {"person": person} if person else {}
        self.errors.append({"target": target, **who, "why": why})

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "active": self.active,
            "matched": self.matched,
            "unmatched": self.unmatched,
            "passed_over": dict(sorted(self.passed_over.items())),
            "targets": {name: target.document() for name, target in self.targets.items()},
            "fields_set": self.fields_set,
            "fields_left": self.fields_left,
            "proposed": self.proposed,
            "failed": len(self.errors),
            "errors": self.errors[:MAX_ERRORS_SHOWN],
            "stopped": self.stopped,
            "refused": self.refusals,
        }
