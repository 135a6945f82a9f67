"""Questions to Stripe and Clerk: several at a time, and no more to one that does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from include.errors import PayloadError, UnreadableError, VendorError, VendorNotFoundError
from include.events.reading import Node
from include.events.rereads import ObjectKind
from include.vendors.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from include.clock import Clock
    from include.events import Named, Snapshot, SubscriptionSnapshot
    from include.membership.states import ObjectKey
    from include.vendors.clerk.client import Clerk
    from include.vendors.stripe.client import Stripe

T = TypeVar("T")

WIDTH = 4  # at 0.2 s a call this stays under Stripe's 25 calls a second


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReading:
    """An object as the vendor has it; None where the vendor does not know it (any more)."""

    snapshot: Snapshot | None
    read_at: datetime


class VendorReader:
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
        self._readers: dict[ObjectKind, Callable[[str], Snapshot]] = {
            ObjectKind.CUSTOMER: lambda customer_id: stripe.read_customer(customer_id),  # noqa: PLW0108
            ObjectKind.SUBSCRIPTION: lambda sub_id: stripe.read_subscription(sub_id),  # noqa: PLW0108
        }
        if clerk is not None:
            self._readers[ObjectKind.USER] = lambda user_id: clerk.read_user(user_id)  # noqa: PLW0108 - late
        self._stripe = stripe
        self.down: dict[str, VendorError] = dict(left_alone or {})
        self.answered: set[str] = set()

    def ask(
        self, wanted: Mapping[ObjectKey, ObjectKind]
    ) -> dict[ObjectKey, ObjectReading | VendorError]:
        """Return each object's reading, or why there is none now."""
        keys = list(wanted)
        answers = fan_out(lambda key: self._read(key, wanted[key]), keys, width=WIDTH)
        return dict(zip(keys, answers, strict=True))

    def subscriptions_of(
        self, customer_ids: Sequence[str]
    ) -> dict[str, list[SubscriptionSnapshot] | VendorError]:
        """Return all subscriptions of each customer, or why they cannot be told now."""
        answers = fan_out(
            lambda one: (
                self._asked("stripe", lambda: self._stripe.list_subscriptions_of(one)) or []
            ),
            customer_ids,
            width=WIDTH,
        )
        return dict(zip(customer_ids, answers, strict=True))

    def named(self, wanted: Sequence[Named]) -> list[Node | VendorError]:
        """Return what thin events name; empty where Stripe does not know it; or why it cannot be told now."""
        return fan_out(
            lambda one: (
                self._asked("stripe", lambda: self._stripe.read_named(one.kind, one.id)) or Node({})
            ),
            wanted,
            width=WIDTH,
        )

    def _read(self, key: ObjectKey, kind: ObjectKind) -> ObjectReading:
        read_at = self._clock.now()
        snapshot = self._asked(key.provider, lambda: self._readers[kind](key.object_id))
        return ObjectReading(snapshot=snapshot, read_at=read_at)

    def _asked(self, provider: str, ask: Callable[[], T]) -> T | None:
        """Return what a vendor answers, None where it does not know the object."""
        if provider in self.down:
            raise self.down[provider]
        try:
            answer: T | None = ask()
        except VendorNotFoundError:
            answer = None
        except PayloadError as error:  # this one object is not as described: the others are
            self.answered.add(provider)
            raise UnreadableError(f"the answer cannot be read: {error}").by(provider) from None
        except VendorError as error:
            if error.retryable:
                self.down[provider] = error
            raise
        self.answered.add(provider)
        return answer
