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


def user_from(node: Node) -> UserSnapshot:
    """Read a user."""
    return UserSnapshot(
        id=node.text("id"),
        email=_verified_email_from(node),
        first_name=name_from(node.optional_text("first_name")),
        last_name=name_from(node.optional_text("last_name")),
        deleted=node.flag("deleted"),
    )


def deleted_user_from(node: Node) -> UserSnapshot:
    """Read the user of `user.deleted`, which carries nothing but its id."""
    return UserSnapshot(id=node.text("id"), email=None, first_name="", last_name="", deleted=True)


PARSERS: dict[str, Callable[[Node], UserSnapshot]] = {
    "user.created": user_from,
    "user.updated": user_from,
    "user.deleted": deleted_user_from,
}


def _verified_email_from(node: Node) -> str | None:
    primary = node.optional_text("primary_email_address_id")
    for address in node.nodes("email_addresses"):
        if address.optional_text("id") == primary:
            verified = address.node("verification").optional_text("status") == "verified"
            return address_from(address.optional_text("email_address")) if verified else None
    return None
