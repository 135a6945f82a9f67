"""What came of a run: counts, and errors by ids. No address is in it, whatever is done with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.jobs.luma_auto_approval.decide import Denial

MAX_ERRORS_SHOWN = 100


@dataclass(kw_only=True, slots=True)
class ApprovalResult:
    """Counts of guests, where nothing else is said. Of a dry run: what would be."""

    dry_run: bool
    events: int = 0
    failed_events: int = 0
    foreign_events: int = 0  # that another calendar manages: whose guests are its business
    found: int = 0  # who were pending when the pages were read
    denials: Counter[Denial] = field(default_factory=Counter)
    approved: int = 0
    paid: int = 0  # members whose ticket costs money: a person lets them in, and takes it
    declined: int = 0  # those of the denied who were told so
    sold_out: int = 0  # members for whom there is no place: the host can make one
    settled: int = 0  # no longer pending in their turn: somebody else has decided
    failed: int = 0  # about whom no decision could be made
    failed_approvals: int = 0
    left: int = 0  # for the next run
    stopped: str | None = None  # why before the end
    errors: list[dict[str, str]] = field(default_factory=list)  # event, guest where it is one, why

    @property
    def denied(self) -> int:
        """Count who is no active member."""
        return self.denials.total()

    @property
    def processed(self) -> int:
        """Count whose turn came."""
        left_open = self.paid + self.sold_out
        return self.approved + self.denied + left_open + self.settled + self.failed_approvals

    @property
    def is_failure(self) -> bool:
        """Tell whether a person has to look: no event could be read, or every decision failed."""
        is_mute = 0 < self.failed_events == self.events - self.foreign_events
        is_powerless = self.failed > 0 and not (self.approved or self.declined or self.settled)
        is_late = self.stopped is not None and self.processed == 0
        return is_mute or is_powerless or is_late

    @property
    def summary(self) -> str:
        """Return one line."""
        reasons = "; ".join(sorted({error["why"] for error in self.errors}))
        return (
            f"approved {self.approved}, denied {self.denied}, "
            f"{f'for a person {self.paid}, ' if self.paid else ''}"
            f"{f'without a place {self.sold_out}, ' if self.sold_out else ''}"
            f"errors {len(self.errors)}{_in_brackets(reasons)}, "
            f"left {self.left}{_in_brackets(self.stopped)}"
        )

    def add_error(self, why: str, *, event: str, guest: str | None = None) -> None:
        """Note what failed: for a guest, or for an event as a whole."""
        who = {"guest": guest} if guest else {}
        self.errors.append({"event": event, **who, "why": why})

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "events": self.events,
            "foreign_events": self.foreign_events,
            "found": self.found,
            "processed": self.processed,
            "approved": self.approved,
            "denied": self.denied,
            "denied_why": {str(why): count for why, count in sorted(self.denials.items())},
            "for_a_person": self.paid,
            "sold_out": self.sold_out,
            "declined": self.declined,
            "settled": self.settled,
            "failed": len(self.errors),
            "errors": self.errors[:MAX_ERRORS_SHOWN],
            "left": self.left,
            "stopped": self.stopped,
        }


def _in_brackets(text: str | None) -> str:
    return f" ({text})" if text else ""
