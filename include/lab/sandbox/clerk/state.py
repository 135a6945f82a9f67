"""Clerk's users: data and rules. Each change is told by a webhook."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from include.lab.sandbox.clerk import documents, errors
from include.lab.sandbox.outbox import OutboxEvent
from include.lab.sandbox.vendor import Surroundings

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
PLAIN_FIELDS = (
    "external_id",
    "first_name",
    "last_name",
    "username",
    "public_metadata",
    "private_metadata",
    "unsafe_metadata",
)

User = dict[str, Any]


class ClerkState:
    """The users by id and by address."""

    def __init__(self, around: Surroundings) -> None:
        """Start without users."""
        self.around = around
        self.users: dict[str, User] = {}
        self._by_email: dict[str, str] = {}

    def get(self, user_id: str) -> User:
        """Return a user, or refuse with 404."""
        if user_id not in self.users:
            raise errors.user_not_found(user_id)
        return self.users[user_id]

    def by_email(self, email: str) -> User | None:
        """Return the user who has an address, whatever its case, or None."""
        user_id = self._by_email.get(email.lower())
        return self.users[user_id] if user_id else None

    def add(self, email: str, first_name: str | None, last_name: str | None) -> User:
        """Add a user without telling anybody (for a seed)."""
        self._refuse_address(email)
        user = documents.user(email, first_name, last_name, self.around.clock.milliseconds())
        self.users[user["id"]] = user
        self._claim(user["email_addresses"][0], user["id"])
        return user

    def create(
        self, email: str, first_name: str | None, last_name: str | None, **more: object
    ) -> User:
        """Add a user and tell it."""
        user = self.add(email, first_name, last_name)
        user.update({name: more[name] for name in PLAIN_FIELDS if more.get(name) is not None})
        self._tell("user.created", user)
        return user

    def update(self, user_id: str, changes: Mapping[str, Any]) -> User:
        """Change plain fields and the primary address, and tell it."""
        user = self.get(user_id)
        primary = changes.get("primary_email_address_id")
        if primary is not None:
            if primary not in {address["id"] for address in user["email_addresses"]}:
                raise errors.not_found()
            user["primary_email_address_id"] = primary
        user.update({name: changes[name] for name in PLAIN_FIELDS if name in changes})
        return self._touched(user)

    def merge_metadata(self, user_id: str, changes: Mapping[str, Any]) -> User:
        """Merge metadata key by key; null takes a key away."""
        user = self.get(user_id)
        for name in ("public_metadata", "private_metadata", "unsafe_metadata"):
            merged = {**user[name], **(changes.get(name) or {})}
            user[name] = {key: value for key, value in merged.items() if value is not None}
        return self._touched(user)

    def change_email(self, user_id: str, email: str) -> User:
        """Replace all addresses by one, as a person does in the account page, and tell it."""
        user = self.get(user_id)
        self._refuse_address(email)
        for address in user["email_addresses"]:
            self._release(address, user_id)
        new = documents.email_address(email, self.around.clock.milliseconds())
        user["email_addresses"] = [new]
        user["primary_email_address_id"] = new["id"]
        self._claim(new, user_id)
        return self._touched(user)

    def add_email(self, user_id: str, email: str, *, is_verified: bool) -> User:
        """Give a user one more address, and tell it; only a verified one is hers alone."""
        user = self.get(user_id)
        self._refuse_address(email)
        now = self.around.clock.milliseconds()
        new = documents.email_address(email, now, is_verified=is_verified)
        user["email_addresses"] = [*user["email_addresses"], new]
        self._claim(new, user_id)
        return self._touched(user)

    def verify_email(self, user_id: str, email: str) -> User:
        """Let a user show that an address is hers, and tell it."""
        user, address = self.get(user_id), self._address_of(user_id, email)
        self._refuse_address(email)
        address["verification"] = documents.verification("verified")
        self._claim(address, user_id)
        return self._touched(user)

    def make_primary(self, user_id: str, email: str) -> User:
        """Let another of her addresses be the primary one, and tell it."""
        address = self._address_of(user_id, email)
        return self.update(user_id, {"primary_email_address_id": address["id"]})

    def remove_email(self, user_id: str, email: str) -> User:
        """Take an address away, and tell it; where it was the primary one, the next one is."""
        user, address = self.get(user_id), self._address_of(user_id, email)
        self._release(address, user_id)
        user["email_addresses"] = [one for one in user["email_addresses"] if one is not address]
        if user["primary_email_address_id"] == address["id"]:
            rest = user["email_addresses"]
            user["primary_email_address_id"] = rest[0]["id"] if rest else None
        return self._touched(user)

    def ban(self, user_id: str, *, is_banned: bool) -> User:
        """Ban a user, or let her in again, and tell both what she is now and what happened."""
        user = self.get(user_id)
        user["banned"] = is_banned
        self._touched(user)
        self._tell("user.banned" if is_banned else "user.unbanned", user)
        return user

    def lock(self, user_id: str, *, is_locked: bool) -> User:
        """Lock a user out, as too many wrong passwords do, or let her in again, and tell it."""
        user = self.get(user_id)
        user["locked"] = is_locked
        user["lockout_expires_in_seconds"] = 3600 if is_locked else None
        return self._touched(user)

    def delete(self, user_id: str) -> dict[str, Any]:
        """Delete a user and tell it."""
        user = self.get(user_id)
        for address in user["email_addresses"]:
            self._release(address, user_id)
        del self.users[user_id]
        gone = documents.deleted(user_id)
        self._tell("user.deleted", gone)
        return gone

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return the users; or the one of an id or address."""
        if wanted is None:
            return {"users": list(self.users.values())}
        found = self.users.get(wanted) or self.by_email(wanted)
        return {"users": [found] if found else []}

    def _address_of(self, user_id: str, email: str) -> dict[str, Any]:
        addresses: list[dict[str, Any]] = self.get(user_id)["email_addresses"]
        found = [one for one in addresses if one["email_address"] == email.lower()]
        if not found:
            raise errors.not_found()
        return found[0]

    def _claim(self, address: Mapping[str, Any], user_id: str) -> None:
        """Keep a verified address for one user."""
        if address["verification"]["status"] == "verified":
            self._by_email[address["email_address"]] = user_id

    def _release(self, address: Mapping[str, Any], user_id: str) -> None:
        if self._by_email.get(address["email_address"]) == user_id:
            del self._by_email[address["email_address"]]

    def _refuse_address(self, email: object) -> None:
        if not isinstance(email, str) or not ADDRESS.fullmatch(email):
            raise errors.address_invalid()
        if email.lower() in self._by_email:
            raise errors.address_taken()

    def _touched(self, user: User) -> User:
        user["updated_at"] = self.around.clock.milliseconds()
        self._tell("user.updated", user)
        return user

    def _tell(self, kind: str, data: Mapping[str, Any]) -> None:
        now = self.around.clock.milliseconds()
        self.around.outbox.add(
            OutboxEvent(
                id=documents.new_id("msg"),
                vendor="clerk",
                type=kind,
                created=now // 1000,
                payload=orjson.dumps(documents.event(kind, dict(data), now)),
                is_wanted=self.around.switches.clerk_sends,
            )
        )
