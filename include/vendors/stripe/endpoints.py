"""Stripe's endpoints: which lead to a relay of ours, and what they do not send that we need. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.routing import STARTING_TYPES, STRIPE_PATH, plain_type

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookEndpoint:
    """Where Stripe sends events, of which types and in which form; `*` is every type."""

    url: str
    types: frozenset[str]
    is_enabled: bool
    payload: str = "snapshot"  # or thin
    api_version: str | None = None  # of snapshots; None: the account's
    updated_at: datetime | None = field(default=None, compare=False)  # where Stripe tells


def ours_of(endpoints: Iterable[WebhookEndpoint]) -> list[WebhookEndpoint]:
    """Return the endpoints that lead to a relay of ours, as far as their addresses tell."""
    return [one for one in endpoints if one.url.rstrip("/").endswith(STRIPE_PATH)]


def types_unsent(endpoints: Iterable[WebhookEndpoint]) -> frozenset[str]:
    """Return the types that start something and that none of these sends."""
    sent = frozenset(plain_type("stripe", kind) for one in endpoints for kind in one.types)
    return frozenset() if "*" in sent else STARTING_TYPES["stripe"] - sent
