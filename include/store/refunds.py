"""Money that was paid back for subscriptions' periods: who has all of it again is a member no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.membership.ends import Refund
from include.store.sql import Table, values_of

if TYPE_CHECKING:
    from collections.abc import Collection


class Refunds(Table, file="refunds"):
    """The table `ops.refunds`."""

    def read(self, subscription_ids: Collection[str]) -> dict[str, tuple[Refund, ...]]:
        """Return the refunds of these subscriptions that have one, the latest period's last."""
        found: dict[str, tuple[Refund, ...]] = {}
        for row in self._sql.read_refunds(subscription_ids=list(subscription_ids)):
            refund = Refund(**row)
            found[refund.subscription_id] = (*found.get(refund.subscription_id, ()), refund)
        return found

    def save(self, refund: Refund) -> None:
        """Write a refund down."""
        self._sql.save_refund(**values_of(refund))

    def drop(self, refund: Refund) -> None:
        """Forget a refund that was taken back."""
        self._sql.drop_refund(**values_of(refund))
