"""What is known of a membership's end: when, why, how far it is, and what was paid back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class EndReason(StrEnum):
    """Why a membership ends."""

    PERIOD_END = "period_end"  # she has canceled, and her period runs out
    CANCEL_AT = "cancel_at"  # it was canceled for a date
    DELETED = "deleted"  # Stripe has ended it
    USER_DELETED = "user_deleted"  # she has deleted her account
    REFUNDED = "refunded"  # it ends, and she has her money back
    NOT_PAID = "not_paid"  # a payment has failed, and the time to make it good is over
    BY_HAND = "by_hand"  # a person has set the date


class EndState(StrEnum):
    """Where a row stands."""

    PENDING = "pending"  # it has no run yet
    SCHEDULED = "scheduled"  # Airflow has its run
    RUNNING = "running"  # a run works on it
    DONE = "done"
    REVOKED = "revoked"  # it is not to be any more; `why` says why
    DATE_UNKNOWN = "date_unknown"  # it waits for a person, or for an event that says when
    FAILED = "failed"  # its run gave up on it; `why` says why


CLOSED = (EndState.DONE, EndState.REVOKED)


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """When and why a membership ends; `vendor_at` as the vendors say it, None where they do not."""

    vendor_at: datetime | None
    deactivate_at: datetime | None
    reason: EndReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Deactivation:
    """One row."""

    id: int
    member_id: UUID
    subscription_id: str
    reason: EndReason
    vendor_at: datetime | None
    deactivate_at: datetime | None
    state: EndState
    inbox_id: int | None = None
    generation: int = 1
    dag_run_id: str | None = None
    taken_by: str | None = None
    decided_at: datetime | None = None
    applied_at: datetime | None = None
    actor: str | None = None
    why: str | None = None
    problem: str | None = None
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether something is still to come of it."""
        return self.state not in CLOSED

    @property
    def was_carried_out(self) -> bool:
        """Tell whether the membership has ended by it, whatever is still to follow at Mailchimp."""
        return self.state is EndState.DONE or (self.is_open and self.applied_at is not None)

    @property
    def next_run_id(self) -> str:
        """Return the id of its run, whoever asks for it; its last part says until when the run waits."""
        return f"deactivation.{self.id}.{self.generation}.{_whole_second(self.deactivate_at)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """What was paid back of the money for a subscription's period."""

    subscription_id: str
    paid_until: datetime  # the end of that period
    refunded_at: datetime
    charge_id: str = ""  # empty where it was not noted
    is_full: bool = True


def _whole_second(instant: datetime | None) -> str:
    """Return the first whole second that is not before an instant, as a run's id may have it."""
    if instant is None:
        return "no-date"
    rest = timedelta(microseconds=instant.microsecond)
    second = instant - rest + timedelta(seconds=1 if rest else 0)
    return f"{second.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
