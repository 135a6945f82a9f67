"""Clerk: a key whose instance says whether it is live, and the secret of its webhooks."""

import re
from typing import Final

import requests

from include.interview.env_file import EnvFile
from include.interview.keys import SECONDS, ask_key, ask_webhook_secret, is_kept
from include.interview.prompts import heading, note
from include.routing import STARTING_TYPES
from include.vendors.clerk.client import Clerk
from include.vendors.clerk.manifest import KEY, is_secret

NEEDED: Final = ", ".join(sorted(STARTING_TYPES["clerk"]))


def set_up(env: EnvFile) -> None:
    """Ask for Clerk's key and the secret of its webhooks; the instance says whether it is live."""
    heading("Clerk")
    known = env.connection("clerk")
    host = known.get("host") or "https://api.clerk.com/v1"
    kinds: list[str] = []

    def try_it(key: str) -> None:
        with requests.Session() as session:
            client = Clerk(session, api_key=key, base_url=host, timeout_seconds=SECONDS)
            client.check()
            kinds.append(client.read_environment())

    key = ask_key(
        "Secret key (sk_…)",
        existing=known.get("password", ""),
        form=KEY,
        try_it=try_it,
        advice="Take it from Clerk's dashboard, Configure, API keys.",
    )
    env.set_connection("clerk", {**known, "conn_type": "http", "host": host, "password": key})
    mode = re.fullmatch(KEY, key)
    env.set("OPS_CLERK_MODE", mode["mode"] if mode else "live")
    note(
        f"A {kinds[-1] if kinds else 'still untried'} instance: its events count as {env.get('OPS_CLERK_MODE')}."
    )
    setting = "OPS_CLERK_WEBHOOK_SECRETS"
    if is_kept(env, setting):
        return
    note(
        f"Clerk's dashboard, Configure, Webhooks: an endpoint that ends in /webhooks/clerk, with {NEEDED}."
    )
    env.set(setting, ask_webhook_secret(is_secret))
