"""A user group: a name to write to, and the people behind it."""

from dataclasses import dataclass, field

from include.lab.sandbox.slack.people import TEAM
from include.lab.sandbox.wire import Json

MEMBERS_GROUP = "S0MEMBERS01"


@dataclass(slots=True, kw_only=True)
class Group:
    """A user group; `date_delete` is when it was disabled, 0 while it is in use."""

    id: str
    name: str
    handle: str
    created_by: str
    date_create: int
    users: list[str] = field(default_factory=list)
    date_update: int = 0
    date_delete: int = 0
    updated_by: str = ""

    def document(self, *, with_users: bool, with_count: bool) -> Json:
        """Return the group as Slack shows it."""
        shown: Json = {
            "id": self.id,
            "team_id": TEAM,
            "is_usergroup": True,
            "is_subteam": True,
            "name": self.name,
            "description": "",
            "handle": self.handle,
            "is_external": False,
            "date_create": self.date_create,
            "date_update": self.date_update or self.date_create,
            "date_delete": self.date_delete,
            "auto_type": None,
            "auto_provision": False,
            "enterprise_subteam_id": "",
            "created_by": self.created_by,
            "updated_by": self.updated_by or self.created_by,
            "deleted_by": (self.updated_by or self.created_by) if self.date_delete else None,
            "prefs": {"channels": [], "groups": []},
        }
        if with_users:
            shown["users"] = self.users
        if with_count:
            shown["user_count"] = len(self.users)
        return shown
