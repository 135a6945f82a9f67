"""What happens to accounts at Clerk: somebody signs up, changes addresses, is banned, locked out or gone."""

from typing import Literal

from include.lab.sandbox.clerk.state import ClerkState
from include.lab.sandbox.stories.base import Story, TouchedIds
from include.lab.sandbox.world import World


class SignUp(Story):
    """Somebody makes an account, and pays for nothing."""

    story: Literal["sign_up"]
    email: str
    first_name: str | None = None
    last_name: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Make the Clerk user."""
        user = world.state(ClerkState).create(self.email, self.first_name, self.last_name)
        return {"clerk_user_id": user["id"]}


class Address(Story):
    """Something happens to an address of an account; `only` replaces all that she had."""

    story: Literal["clerk_address"]
    clerk_user_id: str
    email: str
    becomes: Literal["added", "added_unverified", "verified", "primary", "removed", "only"]

    def play(self, world: World) -> TouchedIds:
        """Let it happen."""
        clerk, user_id = world.state(ClerkState), self.clerk_user_id
        match self.becomes:
            case "added" | "added_unverified":
                clerk.add_email(user_id, self.email, is_verified=self.becomes == "added")
            case "verified":
                clerk.verify_email(user_id, self.email)
            case "primary":
                clerk.make_primary(user_id, self.email)
            case "removed":
                clerk.remove_email(user_id, self.email)
            case "only":
                clerk.change_email(user_id, self.email)
        return {"clerk_user_id": user_id}


class AccountStory(Story):
    """An account is banned, locked, let in again, renamed or deleted."""

    story: Literal["clerk_account"]
    clerk_user_id: str
    becomes: Literal["banned", "unbanned", "locked", "unlocked", "renamed", "deleted"]
    first_name: str | None = None
    last_name: str | None = None

    def play(self, world: World) -> TouchedIds:
        """Let it happen."""
        clerk, user_id = world.state(ClerkState), self.clerk_user_id
        match self.becomes:
            case "banned" | "unbanned":
                clerk.ban(user_id, is_banned=self.becomes == "banned")
            case "locked" | "unlocked":
                clerk.lock(user_id, is_locked=self.becomes == "locked")
            case "renamed":
                names = {"first_name": self.first_name, "last_name": self.last_name}
                clerk.update(user_id, names)
            case "deleted":
                clerk.delete(user_id)
        return {"clerk_user_id": user_id}
