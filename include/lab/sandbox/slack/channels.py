"""Channels: those there are from the start, and who is in them."""

from dataclasses import dataclass, field
from typing import Any

from include.lab.sandbox.slack import errors

GENERAL = "C0GENERAL01"
OPS = "C0OPSALERTS"
ENGINEERS = "C0ENGALERTS"
STAFF = "C0STAFF0001"
MEMBERS = "C0MEMBERS01"


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel; `members` are ids in the order in which they came."""

    id: str
    name: str
    creator: str
    created: int
    is_private: bool = False
    is_archived: bool = False
    members: dict[str, None] = field(default_factory=dict)

    @property
    def is_general(self) -> bool:
        """Is this the channel that everybody is in."""
        return self.id == GENERAL

    def document(self, reader: str) -> dict[str, Any]:
        """Return the channel as Slack shows it to `reader`."""
        nothing = {"value": "", "creator": "", "last_set": 0}
        flags = ("im", "mpim", "group", "shared", "org_shared", "ext_shared", "pending_ext_shared")
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "created": self.created,
            "creator": self.creator,
            "is_channel": True,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": self.is_general,
            "is_member": reader in self.members,
            **{f"is_{flag}": False for flag in flags},
            "num_members": len(self.members),
            "topic": nothing,
            "purpose": nothing,
            "previous_names": [],
            "unlinked": 0,
        }


class Channels:
    """The workspace's channels by id."""

    def __init__(self, creator: str, bot: str, now: int) -> None:
        """Make the channels there are from the start; the app is in all but #general."""
        self.by_id: dict[str, Channel] = {}
        for channel_id, name in (
            (GENERAL, "general"),
            (OPS, "ops-alerts"),
            (ENGINEERS, "eng-alerts"),
            (STAFF, "staff"),
            (MEMBERS, "members"),
        ):
            channel = Channel(id=channel_id, name=name, creator=creator, created=now)
            channel.is_private = channel_id in (STAFF, MEMBERS)
            channel.members = {creator: None} if channel.is_general else {creator: None, bot: None}
            self.by_id[channel_id] = channel

    def seen_by(self, reader: str) -> list[Channel]:
        """Return the channels that somebody sees: the public ones, and the private ones she is in."""
        return [c for c in self.by_id.values() if not c.is_private or reader in c.members]

    def get(self, key: str, reader: str, *, by_name: bool = False) -> Channel:
        """Return a channel by its id (or by `#name`, where a method takes one), or refuse."""
        for channel in self.seen_by(reader):
            if channel.id == key or (by_name and channel.name == key.removeprefix("#")):
                return channel
        raise errors.refused("channel_not_found")
