"""Clerk's users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.events.values import address_from, name_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.events.reading import Node


@dataclass(frozen=True, kw_only=True, slots=True)
class UserSnapshot:
    """A user as it was at one moment; `email` is the primary address, if it is verified."""

    id: str
    email: str | None
    first_name: str
    last_name: str
    deleted: bool
    addresses: tuple[str, ...] = ()  # all that are verified, the primary one first
    is_barred: bool = False  # banned, or locked out

    @property
    def is_final(self) -> bool:
        """Tell whether it can never change again."""
        return self.deleted


def user_from(node: Node) -> UserSnapshot:
    """Read a user."""
    primary, addresses = _addresses_from(node)
    return UserSnapshot(
        id=node.text("id"),
        email=primary,
        addresses=addresses,
        is_barred=node.flag("banned") or node.flag("locked"),
        first_name=name_from(node.optional_text("first_name")),
        last_name=name_from(node.optional_text("last_name")),
        deleted=node.flag("deleted"),
    )


def deleted_user_from(node: Node) -> UserSnapshot:
    """Read the user of `user.deleted`, which carries nothing but its id."""
    return UserSnapshot(id=node.text("id"), email=None, first_name="", last_name="", deleted=True)


PARSERS: dict[str, Callable[[Node], UserSnapshot]] = {
    "user.banned": user_from,
    "user.created": user_from,
    "user.unbanned": user_from,
    "user.updated": user_from,
    "user.deleted": deleted_user_from,
}


def _addresses_from(node: Node) -> tuple[str | None, tuple[str, ...]]:
    """Return the primary address, if it is verified, and all verified ones in the order of their age."""
    verified = {
        address.optional_text("id"): found
        for address in node.nodes("email_addresses")
        if address.node("verification").optional_text("status") == "verified"
        and (found := address_from(address.optional_text("email_address")))
    }
    primary = verified.get(node.optional_text("primary_email_address_id"))
    others = (one for one in verified.values() if one != primary)
    return primary, tuple(dict.fromkeys([*filter(None, [primary]), *others]))
