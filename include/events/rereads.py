"""Events of our own making: an object that the job is to read from its vendor again.

`reconciliation` makes them where a vendor's state and ours differ. They name the object and hold no state, so the
job asks the vendor, as for a checkout or an invoice. No vendor sends these types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.events.reading import Node


class ObjectKind(StrEnum):
    """What kind of object: of those that a member is known by."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    USER = "user"

    @property
    def provider(self) -> str:
        """Return whose it is."""
        return "clerk" if self is ObjectKind.USER else "stripe"

    @property
    def event_type(self) -> str:
        """Return the type of the event that asks for it."""
        return f"reconciliation.{self}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reread:
    """An object to be read again."""

    kind: ObjectKind
    id: str


def body_of(reread: Reread, *, at: datetime) -> bytes:
    """Return the body of the event that asks for it, in the shape of its vendor's events."""
    seconds = int(at.timestamp())
    if reread.kind is ObjectKind.USER:
        parts = {"timestamp": seconds * 1000, "data": {"id": reread.id}}
    else:
        parts = {"created": seconds, "data": {"object": {"id": reread.id}}}
    return orjson.dumps({"type": reread.kind.event_type, **parts})


def _parser(kind: ObjectKind) -> Callable[[Node], Reread]:
    return lambda node: Reread(kind=kind, id=node.text("id"))


PARSERS: dict[str, dict[str, Callable[[Node], Reread]]] = {
    provider: {kind.event_type: _parser(kind) for kind in ObjectKind if kind.provider == provider}
    for provider in ("stripe", "clerk")
}
