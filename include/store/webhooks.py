"""What came by webhook, counted: not one event, but all of a kind; and why nothing comes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from include.routing import THIN, UNKNOWN
from include.store.sql import Table, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MAX_TYPES: Final = 20
HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Unrouted:
    """A type of event that is stored and that no job takes."""

    provider: str
    type: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookCheck:
    """Until when a vendor's own list of changes was compared with the inbox, and when."""

    provider: str
    cursor_at: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class VendorChange:
    """One of Stripe's changes, as a snapshot event tells of it: a thin event of it has another id."""

    type: str
    object_id: str
    created_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """What a vendor delivered in one of its modes."""

    count: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """What was delivered in an hour: in how many of its minutes, how many, how many of them late."""

    acts: int
    count: int
    late: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Why webhooks do not come: in words, with what is to be done; {ops} in them is how people write `ops`."""

    provider: str
    cause: str
    since: datetime
    words: str
    to_do: str
    missing: int = 0  # events that did not come since, and were read from the vendor's list
    seen_at: datetime | None = None  # when it was found last; None: just now

    @property
    def lost(self) -> str | None:
        """Say in words what is missing; None where nothing is."""
        if not self.missing:
            return None
        events, were = ("event", "was") if self.missing == 1 else ("events", "were")
        return f"{self.missing:,} {events} did not come, and {were} read from the vendor's list"


def hour_of(moment: datetime) -> int:
    """Return the full hour since 1970 that goes on at a moment."""
    return int(moment.timestamp()) // HOUR_SECONDS


def moment_of(hour: int) -> datetime:
    """Return when a full hour since 1970 begins."""
    return datetime.fromtimestamp(hour * HOUR_SECONDS, UTC)


class Webhooks(Table, file="webhooks"):
    """The inbox by provider and type, `ops.webhook_checks`, `ops.silences`."""

    def unrouted(self, *, since: datetime) -> list[Unrouted]:
        """Return the types that came since then and that no job takes, the most frequent first."""
        rows = self._sql.read_unrouted(since=since, reason=UNKNOWN.reason, row_limit=MAX_TYPES)
        return [Unrouted(**row) for row in rows]

    def check(self, provider: str) -> WebhookCheck | None:
        """Return until when a vendor's changes were compared."""
        row = self._sql.read_check(provider=provider)
        return WebhookCheck(**row) if row else None

    def save_check(self, check: WebhookCheck) -> None:
        """Write down until when; never earlier than before."""
        self._sql.save_check(**asdict(check))

    def delivered(self, provider: str, *, since: datetime) -> dict[str, Delivered]:
        """Return by mode what a vendor has delivered since then."""
        rows = self._sql.read_delivered(provider=provider, since=since)
        return {row["mode"]: Delivered(count=row["count"], last_at=row["last_at"]) for row in rows}

    def has_delivered(self, provider: str) -> bool:
        """Tell whether a vendor has ever delivered anything."""
        return self._sql.has_delivered(provider=provider)

    def came_thin(self, changes: Sequence[VendorChange], *, since: datetime) -> list[bool]:
        """Tell of each of Stripe's changes whether it has come as a thin event since then."""
        rows = self._sql.read_thin(
            types=[THIN + one.type for one in changes],
            member_keys=[f"stripe:{one.object_id}" for one in changes],
            created_ats=[one.created_at for one in changes],
            since=since,
        )
        found = {row["number"] for row in rows}
        return [number in found for number in range(1, len(changes) + 1)]

    def last_told(
        self, provider: str, member_keys: Collection[str], *, since: datetime
    ) -> Mapping[str, datetime]:
        """Return of which moment's state each of these was told last, since then."""
        rows = self._sql.read_last_told(
            provider=provider, member_keys=list(member_keys), since=since
        )
        return {row["member_key"]: row["last_at"] for row in rows}

    def hours(
        self, provider: str, *, mode: str | None = None, since: datetime, until: datetime
    ) -> dict[str | None, dict[int, Hour]]:
        """Count by full hour since 1970 what was delivered and starts a job, by type and, under None, of any type."""
        rows = self._sql.read_hours(provider=provider, mode=mode, since=since, until=until)
        found: defaultdict[str | None, dict[int, Hour]] = defaultdict(dict)
        for row in rows:
            found[row["type"]][row["hour"]] = Hour(
                acts=row["acts"], count=row["count"], late=row["late"]
            )
        return dict(found)

    def silences(self) -> list[Silence]:
        """Return what keeps webhooks from coming now, the oldest first."""
        return [Silence(**row) for row in self._sql.read_silences()]

    def explained_until(
        self, provider: str, *, but: Collection[str], now: datetime
    ) -> datetime | None:
        """Return until when a cause told why none came, other than these: `now` where it goes on, None without any."""
        return self._sql.explained_until(provider=provider, but=list(but), now=now)

    def keep(self, silence: Silence, *, now: datetime) -> None:
        """Write down a cause; what is missing adds up while it goes on."""
        self._sql.keep_silence(**values_of(silence, now=now))

    def end(self, provider: str, causes: Collection[str], *, now: datetime) -> None:
        """End causes that are no more."""
        self._sql.end_silences(provider=provider, causes=list(causes), now=now)
