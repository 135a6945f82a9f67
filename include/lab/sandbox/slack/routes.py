"""Slack's methods, put together: importing the modules that register them fills the table."""

from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.slack import chat, conversations, errors, usergroups, users
from include.lab.sandbox.slack.arguments import token_of
from include.lab.sandbox.slack.described import call_in_description, status_in_description
from include.lab.sandbox.slack.methods import ROUTES
from include.lab.sandbox.slack.seed import WorkspaceWish, seed_workspace
from include.lab.sandbox.slack.state import SlackState
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Answer, Call


def authorize(settings: SandboxSettings, call: Call) -> None:
    """Take a bot's or the owner's token; an incoming webhook has its secret in the path."""
    if call.path.startswith(chat.WEBHOOK):
        return
    token = token_of(call)
    if not token:
        raise errors.refused("not_authed")
    known = (settings.slack_api_key, settings.slack_user_token)
    tokens = [one.get_secret_value() for one in known if one is not None]
    if tokens and token not in tokens:
        raise errors.refused("invalid_auth")


def no_such_route(call: Call) -> Answer:
    """Say that there is no such method; an incoming webhook takes POST only."""
    if call.path.startswith(chat.WEBHOOK):
        return errors.text(404, "no_service")
    return errors.error("unknown_method", req_method=call.path.lstrip("/"))


MODULES = (chat, conversations, usergroups, users)
"""Whose methods are in the table."""

VENDOR = Vendor(
    name="slack",
    base="/api",
    description=lambda _call, _switches: "slack.openapi.json",
    routes=ROUTES,
    new_state=SlackState,
    authorize=authorize,
    no_such_route=no_such_route,
    call_in_description=call_in_description,
    status_in_description=status_in_description,
    seed=(WorkspaceWish, seed_workspace),
)
