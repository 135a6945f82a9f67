"""The people and bots of the workspace, as Slack shows them."""

import hashlib
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal, get_args

from include.lab.sandbox.slack import errors

Role = Literal[
    "primary_owner",
    "owner",
    "admin",
    "member",
    "guest",
    "single_channel_guest",
    "bot",
    "slackbot",
    "stranger",
]
ROLES: tuple[Role, ...] = get_args(Role)
TEAM, OTHER_TEAM = "T0SANDBOX01", "T0ELSEWHERE"
PICTURES = (24, 32, 48, 72, 192, 512)
LABEL = "Member until"
FIELD = "Xf0MEMBER01"
"""The one custom field of the profile; its values come from the API."""

SETTABLE = ("status_text", "status_emoji", "title", "phone", "pronouns", "first_name", "last_name")


@dataclass(slots=True, kw_only=True)
class WorkspaceUser:
    """Somebody, or a bot."""

    id: str
    name: str
    real_name: str
    role: Role
    updated: int
    email: str | None = None
    is_deactivated: bool = False
    profile: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_bot(self) -> bool:
        """Is this no person."""
        return self.role in ("bot", "slackbot")

    @property
    def is_guest(self) -> bool:
        """Is this a guest, of several channels or of one."""
        return self.role in ("guest", "single_channel_guest")

    @property
    def is_stranger(self) -> bool:
        """Is this somebody of another workspace, who shares a channel with this one."""
        return self.role == "stranger"

    @property
    def is_admin(self) -> bool:
        """Does she run the workspace."""
        return self.role in ("primary_owner", "owner", "admin")

    def document(self) -> dict[str, Any]:
        """Return the person as `users.list` shows her; of a deactivated one less is said."""
        known = {
            "id": self.id,
            "team_id": OTHER_TEAM if self.is_stranger else TEAM,
            "name": self.name,
            "deleted": self.is_deactivated,
            "profile": self.shown_profile(),
            "is_bot": self.role == "bot",  # Slack says of its own Slackbot that it is none
            "is_app_user": False,
            "updated": self.updated,
        }
        if self.is_deactivated:
            return known
        if self.is_stranger:
            known["is_stranger"] = True
        return known | {
            "color": "9f69e7",
            "real_name": self.real_name,
            "tz": "America/New_York",
            "tz_label": "Eastern Standard Time",
            "tz_offset": -18000,
            "is_admin": self.is_admin,
            "is_owner": self.role in ("primary_owner", "owner"),
            "is_primary_owner": self.role == "primary_owner",
            "is_restricted": self.is_guest,
            "is_ultra_restricted": self.role == "single_channel_guest",
        }

    def shown_profile(self) -> dict[str, Any]:
        """Return the profile; a bot has no address."""
        digest = hashlib.md5(self.id.encode(), usedforsecurity=False).hexdigest()
        first, _, last = self.real_name.partition(" ")
        profile: dict[str, Any] = {
            "title": "",
            "phone": "",
            "skype": "",
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": first,
            "display_name_normalized": first,
            "fields": self.fields or [],
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            "avatar_hash": f"g{digest[:11]}",
            "first_name": first,
            "last_name": last,
            "team": TEAM,
            **{f"image_{n}": f"https://avatars.example.org/{digest}-{n}.png" for n in PICTURES},
        }
        if self.is_bot:
            profile["bot_id"] = bot_id_of(self.id)
        else:
            profile["email"] = self.email
        return profile | self.profile


class WorkspaceUsers:
    """Everybody by id and by address."""

    def __init__(self) -> None:
        """Start empty."""
        self.by_id: dict[str, WorkspaceUser] = {}
        self._by_email: dict[str, str] = {}

    def add(
        self, *, real_name: str, role: Role, now: int, email: str | None = None, user_id: str = ""
    ) -> WorkspaceUser:
        """Add somebody; an address belongs to one person."""
        user_id = user_id or f"U{token_hex(5).upper()}"
        name = real_name.lower().replace(" ", ".")
        person = WorkspaceUser(
            id=user_id, name=name, real_name=real_name, role=role, updated=now, email=email
        )
        if email is not None:
            if self.by_email(email) is not None:
                raise errors.refused("already_in_team")
            self._by_email[email.lower()] = user_id
        self.by_id[user_id] = person
        return person

    def by_email(self, email: str) -> WorkspaceUser | None:
        """Return who has an address, whatever its case, or None."""
        user_id = self._by_email.get(email.lower())
        return self.by_id[user_id] if user_id else None

    def get(self, user_id: str, code: str = "user_not_found") -> WorkspaceUser:
        """Return a person, or refuse."""
        if user_id not in self.by_id:
            raise errors.refused(code)
        return self.by_id[user_id]

    def change_email(self, person: WorkspaceUser, email: str) -> None:
        """Give somebody another address."""
        if self.by_email(email) is not None:
            raise errors.refused("email_taken")
        self._by_email.pop((person.email or "").lower(), None)
        self._by_email[email.lower()] = person.id
        person.email = email


def bot_id_of(user_id: str) -> str:
    """Return the id that a bot has beside its user id."""
    return f"B{user_id[1:]:0<9}"
