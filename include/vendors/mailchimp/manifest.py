"""Mailchimp: the audience, its tags, and the welcome."""

import re
from typing import Final
from urllib.parse import urlsplit

from include.settings import JobSettings
from include.vendors.manifest import Manifest, Need, VendorAccount

KEY: Final = r"\S+-(?P<centre>[a-z]+[0-9]+)"
HOST: Final = r"[a-z]+[0-9]+\.api\.mailchimp\.com"
WELCOME_EXTRAS: Final = {
    "journey": {"journey_id": r"[0-9]+", "journey_step_id": r"[0-9]+"},
    "automation": {"workflow_id": r"\w+", "workflow_email_id": r"\w+"},
}


def _wrong(account: VendorAccount, settings: JobSettings) -> str:
    """Say whether key and address are of different data centres, or what the welcome lacks that is set."""
    centre, host = re.fullmatch(KEY, account.password), urlsplit(account.host).hostname or ""
    if centre and re.fullmatch(HOST, host) and not host.startswith(f"{centre['centre']}."):
        return f"its key is of the data centre {centre['centre']}, its address of another one"
    wrong = [
        name
        for name, form in WELCOME_EXTRAS.get(settings.welcome, {}).items()
        if not re.fullmatch(form, str(account.extra.get(name, "")))
    ]
    return f"its extras lack {', '.join(wrong)} or they have not the right form" if wrong else ""


VENDOR: Final = Manifest(
    name="mailchimp",
    keeps_members_as="Mailchimp",
    needs={"mailchimp": Need(key=KEY, host=HOST, extras=("list_id",), wrong=_wrong)},
    preload=("include.vendors.mailchimp.client",),
)
