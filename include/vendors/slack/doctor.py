"""Slack: who we are there, what the token may do, and the channels and the group that the connection names."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from include.check_results import CheckContext, CheckResult, failed, not_configured, ok, warning
from include.errors import PermanentVendorError
from include.settings import Settings
from include.vendors.manifest import VendorAccess
from include.vendors.slack import client
from include.vendors.slack.workspace import ID, SlackWorkspace
from include.vendors.slack.workspace import connect as connect_workspace

POST: Final = ("chat:write",)
PEOPLE: Final = ("users:read", "users:read.email")
GROUP: Final = ("usergroups:read", "usergroups:write")
CHANNELS: Final = (("channels:read", "groups:read"), ("channels:manage", "groups:write"))
"""For public channels, or for private ones: one of each pair."""
PROFILE: Final = "users.profile:write"
REINSTALL: Final = "add it in the app's settings (OAuth & Permissions), then install the app anew"


def look(access: VendorAccess, context: CheckContext) -> Iterator[CheckResult]:
    """Look as the bot."""
    extra = access.account("slack").extra
    scopes = client.connect(access).check()
    yield ok("Slack: token", "Slack knows us")
    yield _scopes(scopes, extra)
    workspace = connect_workspace(access)
    for name in ("ops_channel", "staff_channel"):
        yield _channel(name, str(extra.get(name) or ""), workspace)
    yield from _members(extra, workspace)
    yield from _buttons(extra, context.relay)


def look_at_admin(access: VendorAccess, _context: CheckContext) -> Iterator[CheckResult]:
    """Look as the administrator, whom only the profile field needs."""
    if not access.account("slack").extra.get("profile_field"):
        yield not_configured("Slack: profile field", "members' profiles are left alone")
        return
    scopes = client.connect(access, "slack_admin").check()
    if scopes is not None and PROFILE not in scopes:
        yield failed("Slack: profile field", f"the token lacks {PROFILE}", REINSTALL)
    else:
        yield ok("Slack: profile field", "Slack knows the administrator's token")


def _scopes(scopes: frozenset[str] | None, extra: Mapping[str, Any]) -> CheckResult:
    name = "Slack: scopes"
    if scopes is None:
        return warning(name, "Slack does not say what the token may do", REINSTALL)
    needed = [*POST, *PEOPLE]
    if extra.get("user_group"):
        needed += GROUP
    missing = [one for one in needed if one not in scopes]
    if extra.get("channels"):
        missing += [" or ".join(pair) for pair in CHANNELS if not scopes & set(pair)]
    if missing:
        return failed(name, f"the token lacks {', '.join(missing)}", REINSTALL)
    return ok(name, "the token may do all that jobs need")


def _buttons(extra: Mapping[str, Any], relay: Settings | None) -> Iterator[CheckResult]:
    """Look whether somebody answers where a button is pressed: Slack warns who presses one in vain."""
    name = "Slack: buttons"
    if not extra.get("buttons"):
        yield not_configured(name, "messages have links")
    elif relay is not None and not relay.slack_signing_secrets:
        advice = (
            "set OPS_SLACK_SIGNING_SECRETS, or take `buttons` out of the extras of the connection"
        )
        yield failed(name, "the relay takes no press of one", advice)
    elif relay is not None and not relay.slack_operators:
        advice = "set OPS_SLACK_OPERATORS to the ids at Slack of those who may"
        yield warning(name, "nobody may acknowledge an alert by one", advice)
    else:
        yield ok(name, "the relay takes presses")


def _members(extra: Mapping[str, Any], workspace: SlackWorkspace) -> Iterator[CheckResult]:
    """Look for the group and the channels of members."""
    group = str(extra.get("user_group") or "")
    if not group:
        yield not_configured("Slack: user group", "members are put into none")
    else:
        yield _group(group, workspace)
    for channel in extra.get("channels") or ():
        yield _channel(f"members' channel {channel}", str(channel), workspace)


def _group(group: str, workspace: SlackWorkspace) -> CheckResult:
    try:
        found = workspace.read_group(group)
    except PermanentVendorError as error:
        advice = "set `user_group` in the extras of the connection to the group's id (S…)"
        return failed("Slack: user group", str(error), advice)
    note = ", and disabled until it has a member" if found.is_disabled else ""
    return ok("Slack: user group", f"is there{note}")


def _channel(name: str, channel: str, workspace: SlackWorkspace) -> CheckResult:
    name = f"Slack: {name.replace('_', ' ')}"
    if not channel:
        return failed(name, "is not set", "set it in the extras of the connection `slack`")
    if not ID.fullmatch(channel):
        advice = "name the channel by its id (C…): only that can be looked up, and it outlives a new name"
        return warning(name, "is named, not identified", advice)
    try:
        found = workspace.read_channel(channel)
    except PermanentVendorError as error:
        advice = "set the channel's id in the extras of the connection; invite the app where it is private"
        return failed(name, str(error), advice)
    if found.is_archived:
        return failed(name, "is archived", "bring it back, or name another one")
    if not found.has_us:
        return failed(name, "the app is not in it", "invite the app to the channel")
    return ok(name, "the app is in it")


LOOKS: Final = {"Slack": look, "Slack's administrator": look_at_admin}
