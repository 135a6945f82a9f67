"""What a person has to know: pays twice, is deleted and billed, a dispute. Kept once, and in nobody's way.

    found ──▶ open ──▶ over      it is not so any more; found again, it is news again
                └────▶ closed    a person has said why it may be so; only a new cause makes it news again

Which findings there are, the jobs decide. Here they are only kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from include.store.sql import MemberTable, record_from, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID


class FindingKind(StrEnum):
    """What there is to know."""

    PAYS_TWICE = "pays_twice"
    DELETED_AND_BILLED = "deleted_and_billed"
    BANNED_AND_BILLED = "banned_and_billed"
    DISPUTE = "dispute"
    REFUND_FAILED = "refund_failed"
    ADDRESS_CLAIMED_TWICE = "address_claimed_twice"
    ANOTHER_ACCOUNT_NAMED = "another_account_named"
    UNKNOWN_PRICE = "unknown_price"
    UNUSUAL_WEBHOOKS = "unusual_webhooks"


class FindingState(StrEnum):
    """Whether somebody should look at it."""

    OPEN = "open"
    OVER = "over"  # it is not so any more
    CLOSED = "closed"  # a person has said why it may be so


class FindingKey(NamedTuple):
    """What tells findings apart: one kind of one subject is one finding."""

    kind: FindingKind
    subject: str  # member:<uuid>, charge:<id>, price:<id>, webhooks:<vendor>:<what>


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found. No field may hold an address or a name: `words` are told to Slack.

    `cause` is what has brought it up, where that can happen again: the id of a charge, of an invoice.
    """

    kind: FindingKind
    subject: str
    words: str
    cause: str = ""
    member_id: UUID | None = None

    @property
    def key(self) -> FindingKey:
        """Return what tells it apart from others."""
        return FindingKey(self.kind, self.subject)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFinding:
    """A finding as it is kept; `times` counts how often it was news."""

    id: int
    kind: FindingKind
    subject: str
    state: FindingState
    words: str
    causes: tuple[str, ...]
    member_id: UUID | None
    times: int
    opened_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    closed_by: str | None
    why: str | None


class Findings(MemberTable, file="findings"):
    """The table `ops.findings`."""

    def keep(self, finding: Finding, *, now: datetime) -> KeptFinding | None:
        """Keep a finding; return it where it is news, None where it is known."""
        values = values_of(finding, now=now)
        news = self._sql.open_finding(**values)
        if news is None:
            self._sql.see_finding(**values)
        return _kept(news) if news else None

    def end(self, keys: Collection[FindingKey], *, now: datetime) -> list[KeptFinding]:
        """Write down that these are not so any more; return those of them that were open."""
        if not keys:
            return []
        rows = self._sql.end_findings(
            kinds=[key.kind for key in keys], subjects=[key.subject for key in keys], now=now
        )
        return [_kept(row) for row in rows if row["state_before"] == FindingState.OPEN]

    def close(self, number: int, *, actor: str, why: str, now: datetime) -> KeptFinding | None:
        """Close an open finding in a person's name; None where it is not open."""
        row = self._sql.close_finding(id=number, closed_by=actor, why=why, now=now)
        return _kept(row) if row else None

    def get(self, number: int) -> KeptFinding | None:
        """Return one finding."""
        row = self._sql.read_finding(id=number)
        return _kept(row) if row else None

    def read(self, states: Collection[FindingState] = (FindingState.OPEN,)) -> list[KeptFinding]:
        """Return the findings in these states, the newest first."""
        return [_kept(row) for row in self._sql.read_findings(states=list(states))]

    def counts(self) -> dict[FindingKind, int]:
        """Count the open ones of each kind."""
        return {FindingKind(row["kind"]): row["count"] for row in self._sql.count_open_findings()}


def _kept(row: Mapping[str, Any]) -> KeptFinding:
    return record_from(KeptFinding, row, kind=FindingKind, state=FindingState, causes=tuple)
