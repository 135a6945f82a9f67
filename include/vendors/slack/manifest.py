"""Slack: messages to the team, and members' marks and rooms."""

import re
from typing import Final

from include.vendors.manifest import Manifest, Need, WebhookSecret

BOT_KEY: Final = r"xoxb-\S+"
ADMIN_KEY: Final = r"xoxp-\S+"
HOST: Final = r"(www\.)?slack\.com"
SIGNING_SECRET: Final = re.compile(r"[0-9a-f]{32}")
SIGNING_FORM: Final = "32 digits and letters a to f"


def is_secret(secret: str) -> bool:
    """Tell whether it has the form of a signing secret of a Slack app."""
    return SIGNING_SECRET.fullmatch(secret) is not None


VENDOR: Final = Manifest(
    name="slack",
    keeps_members_as="Slack",
    starts={"slack_status_sync": "Slack: bring her group, channels and profile in line."},
    needs={
        "slack": Need(
            key=BOT_KEY,
            host=HOST,
            extras=("ops_channel", "staff_channel"),
            channel="slack",
            without="nobody is told there, and members' marks and rooms are left alone",
        ),
        "slack_admin": Need(key=ADMIN_KEY, host=HOST, only_for=("slack", "profile_field")),
    },
    webhook=WebhookSecret(
        variable="OPS_SLACK_SIGNING_SECRETS",
        is_one=is_secret,
        form=SIGNING_FORM,
        first="First, at api.slack.com/apps, the app, Basic Information, Signing Secret: Regenerate.",
        meanwhile="Slack signs with one: a button pressed before the relays are replaced has to be pressed again",
        until="once both relays have the new one",
    ),
)
