"""A button pressed under a message: what Slack posts to the app's Interactivity Request URL, and how it signs that.

docs.slack.dev/reference/interaction-payloads/block_actions-payload
docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

import orjson

from include.lab.sandbox.slack.channels import Channel
from include.lab.sandbox.slack.messages import Block, Message
from include.lab.sandbox.slack.people import TEAM, WorkspaceUser

PATH = "/webhooks/slack"


def button_of(message: Message, text: str) -> tuple[Block, Block] | None:
    """Return the button of a message that says so, and the block that it is in; None where there is none."""
    return next(
        (
            (one, block)
            for block in message.blocks
            for one in block.get("elements", [])
            if one.get("type") == "button" and one["text"]["text"] == text
        ),
        None,
    )


def body_of(
    message: Message, channel: Channel, pressed: tuple[Block, Block], by: WorkspaceUser, now: float
) -> bytes:
    """Return the form that Slack posts when somebody presses a button."""
    button, block = pressed
    action: dict[str, Any] = {
        **{name: button[name] for name in ("action_id", "text", "value") if name in button},
        "block_id": block.get("block_id", "b1"),
        "type": "button",
        "action_ts": f"{now:.6f}",
    }
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": by.id, "username": by.name, "name": by.name, "team_id": TEAM},
        "api_app_id": "A0OPSAPP001",
        "token": "deprecated",
        "container": {"type": "message", "message_ts": message.ts, "channel_id": channel.id},
        "trigger_id": f"1.2.{token_hex(16)}",
        "team": {"id": TEAM, "domain": "sandbox"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": channel.id, "name": channel.name},
        "message": {"type": "message", "text": message.text, "ts": message.ts},
        "state": {"values": {}},
        "response_url": f"https://hooks.slack.com/actions/{TEAM}/1/{token_hex(12)}",
        "actions": [action],
    }
    return urlencode({"payload": orjson.dumps(payload).decode()}).encode()


def headers(body: bytes, secret: str, stamp: int) -> dict[str, str]:
    """Return the headers of such a request."""
    signed = f"v0:{stamp}:".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": str(stamp),
        "x-slack-signature": f"v0={digest}",
    }
