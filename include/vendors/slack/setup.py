"""Slack, where it is used: its tokens and signing secret, and the channels and the group that the app sees."""

import re
from typing import Any, Final

from slack_sdk import WebClient

from include.interview.env_file import EnvFile
from include.interview.keys import NOT_USED, SECONDS, ask_key, ask_webhook_secret, is_kept, is_used
from include.interview.prompts import ask, choose, choose_many, confirm, heading, note
from include.vendors.slack.client import QUIET
from include.vendors.slack.manifest import ADMIN_KEY, BOT_KEY, SIGNING_FORM, is_secret
from include.vendors.slack.workspace import SlackWorkspace

SIGNING: Final = "OPS_SLACK_SIGNING_SECRETS"


def set_up(env: EnvFile) -> None:
    """Ask whether Slack is used, for its tokens, the channels and the members' group."""
    heading("Slack")
    if not is_used("Slack", "slack", env, what="messages to the team, members' group and channels"):
        env.set_connection("slack_admin", None)
        return
    known = env.connection("slack")
    extra = dict(known.get("extra") or {})

    def workspace(token: str) -> SlackWorkspace:
        return SlackWorkspace(_slack_client(token, extra))

    token = ask_key(
        "Bot's token (xoxb-…)",
        existing=known.get("password", ""),
        form=BOT_KEY,
        try_it=lambda token: note(f"Workspace {workspace(token).read_name()}."),
        advice="Take it from the app's settings at Slack, OAuth & Permissions.",
    )
    document = {**known, "conn_type": "slack", "password": token, "extra": extra}
    env.set_connection("slack", document)
    _slack_places(workspace(token), extra)
    _slack_buttons(env, extra)
    env.set_connection("slack", document)
    _slack_admin(env, document)


def _slack_client(token: str, extra: dict[str, Any]) -> WebClient:
    address = {"base_url": extra["base_url"]} if extra.get("base_url") else {}
    return WebClient(token, retry_handlers=[], timeout=round(SECONDS), logger=QUIET, **address)


def _slack_places(workspace: SlackWorkspace, extra: dict[str, Any]) -> None:
    """Ask for the channels and the group, from those that the app is in."""
    while not (channels := workspace.list_channels()):
        note(
            "The app is in no channel: invite it to those it is to write to (/invite in the channel)."
        )
        confirm("Look again?", default=True)
    extra["ops_channel"] = choose(
        "Channel for failures and alerts", channels, default=extra.get("ops_channel")
    )
    extra["staff_channel"] = choose(
        "Channel for questions to staff", channels, default=extra.get("staff_channel")
    )
    group = choose(
        "User group of the members",
        workspace.list_groups(),
        default=extra.get("user_group"),
        none=NOT_USED,
    )
    extra.pop("user_group", None)
    extra |= {"user_group": group} if group else {}
    extra["channels"] = choose_many(
        "Members' channels", channels, default=extra.get("channels") or ()
    )


def _slack_buttons(env: EnvFile, extra: dict[str, Any]) -> None:
    """Ask whether messages have buttons, and for the secret by which the relay knows who presses one."""
    url, is_set = f"{env.get('OPS_PUBLIC_URL')}/webhooks/slack", bool(env.get(SIGNING))
    extra.pop("buttons", None)
    if not confirm(f"Buttons under messages? (Interactivity leads to {url})", default=is_set):
        env.set(SIGNING, "")
        return
    extra["buttons"] = True
    if not is_kept(env, SIGNING):
        note("At api.slack.com/apps, the app, Basic Information, Signing Secret: Show.")
        env.set(SIGNING, ask_webhook_secret(is_secret, form=SIGNING_FORM))


def _slack_admin(env: EnvFile, document: dict[str, Any]) -> None:
    """Ask for an administrator's token, which only a field of the members' profiles needs."""
    extra, known = document["extra"], env.connection("slack_admin")
    if not confirm("Write the membership into a field of members' profiles?", default=bool(known)):
        extra.pop("profile_field", None)
        env.set_connection("slack", document)
        env.set_connection("slack_admin", None)
        return
    token = ask_key(
        "Administrator's token (xoxp-…)",
        existing=known.get("password", ""),
        form=ADMIN_KEY,
        try_it=lambda token: note(
            f"Workspace {SlackWorkspace(_slack_client(token, extra)).read_name()}."
        ),
        advice="Take the user token from the app's settings at Slack, installed by an administrator.",
    )
    address = {"extra": {"base_url": extra["base_url"]}} if extra.get("base_url") else {}
    extra["profile_field"] = ask(
        "Id of the field (Xf…)",
        default=extra.get("profile_field"),
        wrong=lambda text: "" if re.fullmatch(r"Xf[A-Z0-9]+", text) else "it begins with Xf",
    )
    env.set_connection("slack", document)
    env.set_connection("slack_admin", {"conn_type": "slack", "password": token, **address})
