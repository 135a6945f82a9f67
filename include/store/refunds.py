"""Up to when subscriptions' periods were paid back: who has her money again is a member no longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.store.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    import psycopg

SQL = queries("refunds")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """A subscription's period that was paid back in full."""

    subscription_id: str
    paid_until: datetime  # the end of that period
    refunded_at: datetime


class Refunds:
    """The table `ops.refunds`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work over `connection`."""
        self._connection = connection

    def read(self, subscription_ids: Collection[str]) -> dict[str, Refund]:
        """Return the refunds of these subscriptions that have one."""
        rows = SQL.read_refunds(self._connection, subscription_ids=list(subscription_ids))
        return {row["subscription_id"]: Refund(**row) for row in rows}

    def save(self, refund: Refund) -> None:
        """Write a refund down; the one of the latest period counts."""
        SQL.save_refund(
            self._connection,
            subscription_id=refund.subscription_id,
            paid_until=refund.paid_until,
            refunded_at=refund.refunded_at,
        )
