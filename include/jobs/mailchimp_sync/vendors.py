"""Questions to Stripe and Clerk: several at a time, and no more to one that does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from include.errors import VendorError, VendorNotFoundError
from include.jobs.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from include.clients.clerk import Clerk
    from include.clients.stripe import Stripe
    from include.clock import Clock
    from include.events import Snapshot
    from include.store.objects import ObjectKey

WIDTH = 4  # at 0.2 s a call this stays under Stripe's 25 calls a second


class Kind(StrEnum):
    """What kind of object to ask about."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    USER = "user"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """An object as the vendor has it; None where the vendor does not know it (any more)."""

    snapshot: Snapshot | None
    read_at: datetime


class Vendors:
    """The vendors whose events we get, for the length of one task."""

    def __init__(
        self,
        stripe: Stripe,
        clerk: Clerk | None,
        clock: Clock,
        *,
        left_alone: Mapping[str, VendorError] | None = None,
    ) -> None:
        """Ask these two, or Stripe alone, but for the ones `left_alone`; `clock` dates what is read."""
        self._clock = clock
        self._readers: dict[Kind, Callable[[str], Snapshot]] = {
            Kind.CUSTOMER: lambda customer_id: stripe.read_customer(customer_id),  # noqa: PLW0108
            Kind.SUBSCRIPTION: lambda sub_id: stripe.read_subscription(sub_id),  # noqa: PLW0108
        }
        if clerk is not None:
            self._readers[Kind.USER] = lambda user_id: clerk.read_user(user_id)  # noqa: PLW0108 - late
        self.down: dict[str, VendorError] = dict(left_alone or {})
        self.answered: set[str] = set()

    def ask(self, wanted: Mapping[ObjectKey, Kind]) -> dict[ObjectKey, Reading | VendorError]:
        """Return each object's reading, or why there is none now."""
        keys = list(wanted)
        answers = fan_out(lambda key: self._read(key, wanted[key]), keys, width=WIDTH)
        return dict(zip(keys, answers, strict=True))

    def _read(self, key: ObjectKey, kind: Kind) -> Reading:
        if key.provider in self.down:
            raise self.down[key.provider]
        read_at = self._clock.now()
        try:
            snapshot: Snapshot | None = self._readers[kind](key.object_id)
        except VendorNotFoundError:
            snapshot = None
        except VendorError as error:
            if error.retryable:
                self.down[key.provider] = error
            raise
        self.answered.add(key.provider)
        return Reading(snapshot=snapshot, read_at=read_at)
