"""Who our members are at Slack, and since when somebody there should not be among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.store.sql import Table, values_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountLink:
    """A member and her account at Slack."""

    member_id: UUID
    slack_user_id: str
    by_hand: bool = False  # linked by a person: her address says nothing
    field_value: str = ""  # what we last wrote into her profile


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackGracePeriod:
    """Since when somebody at Slack should not be where members are."""

    slack_user_id: str
    since: datetime
    proposed_at: datetime | None = None  # when staff was told that the account may be closed


class SlackPeople(Table, file="slack"):
    """The tables `ops.slack_people` and `ops.slack_lapses`."""

    def links(self) -> dict[UUID, AccountLink]:
        """Return all links, by member."""
        return {row["member_id"]: AccountLink(**row) for row in self._sql.read_links()}

    def link(self, links: Collection[AccountLink], *, now: datetime) -> None:
        """Write links down; one made by hand is only replaced by hand."""
        self._sql.save_links([values_of(link, now=now) for link in links])

    def note_field(self, member_id: UUID, value: str) -> None:
        """Write down what is in a member's profile now."""
        self._sql.note_field(member_id=member_id, value=value)

    def grace_periods(self) -> dict[str, SlackGracePeriod]:
        """Return since when who should not be there, by id at Slack."""
        return {
            row["slack_user_id"]: SlackGracePeriod(**row) for row in self._sql.read_grace_periods()
        }

    def begin_grace_periods(self, slack_user_ids: Collection[str], *, now: datetime) -> None:
        """Begin the grace periods of these now, where they have none yet."""
        self._sql.begin_grace_periods(slack_user_ids=list(slack_user_ids), now=now)

    def end_grace_periods(self, slack_user_ids: Collection[str]) -> None:
        """Forget the grace periods of these: they are members, or nowhere any more."""
        self._sql.end_grace_periods(slack_user_ids=list(slack_user_ids))

    def note_proposed(self, slack_user_ids: Collection[str], *, now: datetime) -> None:
        """Write down that staff was told of these."""
        self._sql.note_proposed(slack_user_ids=list(slack_user_ids), now=now)


def since_by_id(periods: Mapping[str, SlackGracePeriod]) -> dict[str, datetime]:
    """Return the instants alone."""
    return {slack_user_id: period.since for slack_user_id, period in periods.items()}
