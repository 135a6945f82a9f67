"""Slack's people, user groups, channels and profiles, through its own package.

Every call here sets or reads a state, so each may be repeated; what is so already is no failure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from slack_sdk.errors import SlackApiError

from include.errors import PayloadError, PermanentVendorError, Scope, VendorUnavailableError
from include.events.reading import Node
from include.events.values import address_from
from include.vendors.pages import Page
from include.vendors.slack.errors import NETWORK_ERRORS, code_of, error_from, network_error_from

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from slack_sdk import WebClient
    from slack_sdk.web import SlackResponse

    from include.vendors.manifest import VendorAccess

P = ParamSpec("P")
T = TypeVar("T")

PAGE = 200  # docs.slack.dev/apis/web-api/pagination: no more than 200 at a time
MAX_INVITED = 100  # at once; docs.slack.dev/reference/methods/conversations.invite
SLACKBOT = "USLACKBOT"  # of itself it says that it is no bot
UNREADABLE = "Slack's answer cannot be read"
ID = re.compile(r"[A-Z][A-Z0-9]{1,30}")


def connect(access: VendorAccess) -> SlackWorkspace:
    """Return a client of the connection `slack`, and of `slack_admin` where the profile field is set."""
    client, extra = access.slack_client("slack")
    admin = access.slack_client("slack_admin")[0] if extra.get("profile_field") else None
    return SlackWorkspace(client, admin)


class SlackUserKind(StrEnum):
    """What somebody is in the workspace."""

    PERSON = "person"
    STAFF = "staff"  # an owner or an administrator
    GUEST = "guest"
    BOT = "bot"
    GONE = "gone"  # deactivated
    STRANGER = "stranger"  # of another workspace, or nobody knows: never touched


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackUser:
    """Somebody, or something, in the workspace."""

    id: str
    kind: SlackUserKind
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class UserGroup:
    """A user group."""

    users: frozenset[str]
    is_disabled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceChannel:
    """A channel as far as it matters to who comes and goes."""

    is_general: bool
    is_archived: bool
    has_us: bool  # the app must be in it


def _readable(read: Callable[P, T]) -> Callable[P, T]:
    """Make an answer that cannot be understood an outage, and not a workspace without people."""

    @wraps(read)
    def reading(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except PayloadError:
            raise VendorUnavailableError(UNREADABLE) from None

    return reading


class SlackWorkspace:
    """One workspace. The clients must not try anything twice by themselves."""

    def __init__(self, client: WebClient, admin: WebClient | None = None) -> None:
        """Call with a bot's `client`; profiles are changed with that of an administrator's token."""
        self._client, self._admin = client, admin

    @_readable
    def list_people(self, *, cursor: str | None = None) -> Page[SlackUser]:
        """Return a page of everybody, those who are gone too; one who cannot be read is left out."""
        answer = _read(self._client.users_list, limit=PAGE, cursor=cursor)
        found = [_or_none(user, self._team_id) for user in answer.nodes("members")]
        people = [person for person in found if person is not None]
        if found and not people:
            raise answer.error("members", "has nobody who can be read")
        return _page(answer, people)

    @_readable
    def find_person(self, email: str) -> SlackUser:
        """Return who has an address; VendorNotFoundError is usual: not everybody has joined, or with it."""
        return self._person(self._client.users_lookupByEmail, email=email)

    @_readable
    def read_person(self, user_id: str) -> SlackUser:
        """Return the person of an id; PermanentVendorError where Slack says nothing clear of her."""
        return self._person(self._client.users_info, user=user_id)

    def _person(self, method: Callable[..., SlackResponse], **arguments: str) -> SlackUser:
        person = _or_none(_read(method, **arguments).node("user"), self._team_id)
        if person is None:
            raise PermanentVendorError(UNREADABLE).about(Scope.MESSAGE)
        return person

    @cached_property
    def _team_id(self) -> str:
        """The workspace that we are in."""
        return _read(self._client.auth_test).text("team_id")

    @_readable
    def read_group(self, group_id: str) -> UserGroup:
        """Return a user group, in use or disabled; VendorNotFoundError where there is none."""
        answer = _read(self._client.usergroups_list, include_disabled=True, include_users=True)
        for group in answer.nodes("usergroups"):
            if group.optional_text("id") == group_id:
                is_disabled = group.values.get("date_delete") not in (0, None)
                return UserGroup(users=frozenset(_ids(group, "users")), is_disabled=is_disabled)
        raise PermanentVendorError(f"Slack has no user group {group_id}")

    @_readable
    def read_group_users(self, group_id: str) -> frozenset[str]:
        """Return who is in a user group, in use or disabled."""
        answer = _read(
            self._client.usergroups_users_list, usergroup=group_id, include_disabled=True
        )
        return frozenset(_ids(answer, "users"))

    def set_group_users(self, group_id: str, user_ids: Collection[str]) -> None:
        """Replace a group's people; it cannot be emptied, and one who may not be in it refuses the list."""
        users = sorted(user_ids)
        _call(self._client.usergroups_users_update, usergroup=group_id, users=users)

    def enable_group(self, group_id: str) -> None:
        """Bring a disabled group back."""
        _call(self._client.usergroups_enable, usergroup=group_id)

    def disable_group(self, group_id: str) -> None:
        """Put a group out of use; it keeps its last people."""
        _call(self._client.usergroups_disable, usergroup=group_id)

    @_readable
    def read_name(self) -> str:
        """Return the workspace's name."""
        return _read(self._client.auth_test).text("team")

    @_readable
    def list_channels(self) -> dict[str, str]:
        """Return the names of the channels in use that the app is in, by their ids."""
        found: dict[str, str] = {}
        cursor: str | None = None
        while True:
            answer = _read(
                self._client.conversations_list,
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=PAGE,
                cursor=cursor,
            )
            channels = [one for one in answer.nodes("channels") if one.flag("is_member")]
            found |= {_id(one): one.text("name") for one in channels}
            cursor = _page(answer, channels).next
            if cursor is None:
                return found

    @_readable
    def list_groups(self) -> dict[str, str]:
        """Return the names of all user groups, by their ids; a disabled one is one, too."""
        answer = _read(self._client.usergroups_list, include_disabled=True)
        return {_id(group): group.text("name") for group in answer.nodes("usergroups")}

    @_readable
    def read_channel(self, channel_id: str) -> WorkspaceChannel:
        """Return a channel; VendorNotFoundError also for a private one that the app is not in."""
        channel = _read(self._client.conversations_info, channel=channel_id).node("channel")
        return WorkspaceChannel(
            is_general=channel.flag("is_general"),
            is_archived=channel.flag("is_archived"),
            has_us=channel.flag("is_member"),
        )

    @_readable
    def list_channel_users(self, channel_id: str, *, cursor: str | None = None) -> Page[str]:
        """Return a page of who is in a channel."""
        answer = _read(
            self._client.conversations_members, channel=channel_id, limit=PAGE, cursor=cursor
        )
        return _page(answer, _ids(answer, "members"))

    def invite(self, channel_id: str, user_ids: Sequence[str]) -> None:
        """Let people into a channel, at most `MAX_INVITED`; one who cannot be keeps all the others out."""
        _call(
            self._client.conversations_invite,
            is_so_already="already_in_channel" if len(user_ids) == 1 else "",
            channel=channel_id,
            users=list(user_ids),
        )

    def kick(self, channel_id: str, user_id: str) -> None:
        """Take one person out of a channel."""
        _call(
            self._client.conversations_kick,
            is_so_already="not_in_channel",
            channel=channel_id,
            user=user_id,
        )

    def set_field(self, user_id: str, field_id: str, value: str) -> None:
        """Set a custom field of somebody's profile; an empty value takes it away."""
        if self._admin is None:
            raise PermanentVendorError("no connection `slack_admin`: a bot changes no profile")
        fields = {field_id: {"value": value, "alt": ""}}
        _call(self._admin.users_profile_set, user=user_id, profile={"fields": fields})


def _call(
    method: Callable[..., SlackResponse], *, is_so_already: str = "", **arguments: Any
) -> SlackResponse | None:
    """Call a method of the package; None where Slack says that it is so already."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        if is_so_already and code_of(error) == is_so_already:
            return None
        raise error_from(error, repeatable=True) from None  # its text quotes the answer
    except NETWORK_ERRORS as error:
        raise network_error_from(error, repeatable=True) from None


def _read(method: Callable[..., SlackResponse], **arguments: Any) -> Node:
    """Call a method that reads."""
    answer = _call(method, **arguments)
    if answer is None or not isinstance(answer.data, dict):
        raise VendorUnavailableError(UNREADABLE)
    return Node(answer.data)


def _page(answer: Node, entries: list[T]) -> Page[T]:
    cursor = answer.node("response_metadata").optional_text("next_cursor")
    return Page(entries=entries, next=cursor or None)


def _or_none(user: Node, team_id: str) -> SlackUser | None:
    """Return somebody, or None where what Slack says of her cannot be read: the others still can."""
    try:
        email = address_from(user.node("profile").optional_text("email"))
        return SlackUser(id=_id(user), kind=_kind_of(user, team_id), email=email)
    except PayloadError:
        return None


def _is_stranger(user: Node, team_id: str) -> bool:
    """Tell whether somebody is of another workspace; people of an organization may be in several of its own."""
    home = user.optional_text("team_id")
    is_foreign = bool(home) and home != team_id
    return user.flag("is_stranger") or (
        is_foreign and team_id not in user.node("enterprise_user").texts("teams")
    )


def _kind_of(user: Node, team_id: str) -> SlackUserKind:
    if _is_stranger(user, team_id):
        return SlackUserKind.STRANGER
    if user.flag("deleted"):
        return SlackUserKind.GONE
    if user.flag("is_bot") or user.optional_text("id") == SLACKBOT:
        return SlackUserKind.BOT
    if user.flag("is_restricted") or user.flag("is_ultra_restricted"):
        return SlackUserKind.GUEST
    is_staff = user.flag("is_admin") or user.flag("is_owner") or user.flag("is_primary_owner")
    return SlackUserKind.STAFF if is_staff else SlackUserKind.PERSON


def _id(node: Node) -> str:
    """Return an id that can be written down anywhere."""
    found = node.text("id")
    if not ID.fullmatch(found):
        raise node.error("id", "is none")
    return found


def _ids(node: Node, name: str) -> list[str]:
    values = node.values.get(name)
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise node.error(name, "is no list of ids")
    if not all(ID.fullmatch(value) for value in values):
        raise node.error(name, "has something that is no id")
    return values
