"""What was found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from include.check_results import CheckStatus
from include.operate.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.check_results import CheckResult

STATUS_WIDTH: Final = max(map(len, CheckStatus))


def is_well(found: Sequence[tuple[str, CheckResult]]) -> bool:
    """Tell whether nothing failed."""
    return all(finding.status is not CheckStatus.FAILED for _, finding in found)


def counts(found: Sequence[tuple[str, CheckResult]]) -> dict[str, int]:
    """Count the findings of each status."""
    counted = Counter(finding.status for _, finding in found)
    return {str(status): counted[status] for status in CheckStatus}


def document(found: Sequence[tuple[str, CheckResult]], *, of: str) -> dict[str, Any]:
    """Return what was found as JSON."""
    return {
        "ok": is_well(found),
        "of": of,
        "counts": counts(found),
        "checks": [{"group": group, **asdict(finding)} for group, finding in found],
    }


def show(found: Sequence[tuple[str, CheckResult]], *, of: str) -> None:
    """Print it: one line per check, and what to do below where something is to be done."""
    width = max((len(finding.check) for _, finding in found), default=0)
    say(f"ops: looked at {of}; nothing was changed")
    for group, findings in groupby(found, key=lambda one: one[0]):
        say(f"\n{group}")
        for _, finding in findings:
            say(f"  {finding.status:<{STATUS_WIDTH}}  {finding.check:<{width}}  {finding.reason}")
            if finding.advice:
                say(f"  {'':<{STATUS_WIDTH}}  {'':<{width}}  → {finding.advice}")
    say("\nops: " + ", ".join(f"{count} {status}" for status, count in counts(found).items()))
