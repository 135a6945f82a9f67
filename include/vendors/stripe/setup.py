"""Stripe: a key that may read, and an endpoint that sends what we need."""

import re
from typing import Final

from include.errors import VendorError
from include.interview.env_file import EnvFile
from include.interview.keys import SECONDS, ask_key, ask_webhook_secret, is_kept
from include.interview.prompts import confirm, heading, note
from include.routing import STARTING_TYPES, STRIPE_PATH
from include.vendors.stripe.client import READ_KINDS, Stripe
from include.vendors.stripe.manifest import KEY, is_secret

NEEDED: Final = STARTING_TYPES["stripe"]


def set_up(env: EnvFile) -> None:
    """Ask for Stripe's key and the secret of its webhooks."""
    heading("Stripe")
    known = env.connection("stripe")
    host = known.get("host") or "https://api.stripe.com"

    def client(key: str) -> Stripe:
        return Stripe(key, base_url=host, timeout_seconds=SECONDS)

    def try_it(key: str) -> None:
        for kind in READ_KINDS:
            client(key).check(kind)

    key = ask_key(
        "Secret or restricted key (sk_… or rk_…)",
        existing=known.get("password", ""),
        form=KEY,
        try_it=try_it,
        advice=f"Take it from Stripe's dashboard, Developers, API keys; it has to read {', '.join(READ_KINDS)}.",
    )
    env.set_connection("stripe", {**known, "conn_type": "http", "host": host, "password": key})
    mode = re.fullmatch(KEY, key)
    name = client(key).read_account_name() or "which this key may not name"
    note(f"Account {name}, {mode['mode'] if mode else ''} mode.")
    _stripe_webhooks(env, client(key))


def _stripe_webhooks(env: EnvFile, client: Stripe) -> None:
    setting = "OPS_STRIPE_WEBHOOK_SECRETS"
    if is_kept(env, setting):
        return
    url = f"{env.get('OPS_PUBLIC_URL')}{STRIPE_PATH}"
    if _has_no_endpoint(client, url) and confirm(
        f"Make an endpoint for {url} with the {len(NEEDED)} event types that start something?",
        default=True,
    ):
        env.set(setting, client.create_webhook_endpoint(url, sorted(NEEDED)))
        note("Made; its secret is kept.")
        return
    note("Stripe's dashboard, Developers, Webhooks, the endpoint: Signing secret, Reveal.")
    env.set(setting, ask_webhook_secret(is_secret))


def _has_no_endpoint(client: Stripe, url: str) -> bool:
    """Return whether Stripe has none for the address, and say what it has."""
    try:
        found = next(
            (one for one in client.list_webhook_endpoints() if one.url.rstrip("/") == url), None
        )
    except VendorError:
        note("This key may not see or make endpoints: make one in the dashboard with these types:")
        note(", ".join(sorted(NEEDED)))
        return False
    if found is None:
        return True
    missing = [] if "*" in found.types else sorted(NEEDED - found.types)
    note(
        f"Stripe has an endpoint for {url} already"
        + ("" if found.is_enabled else ", disabled")
        + "."
    )
    if missing:
        note(f"It lacks {', '.join(missing)}: add them in the dashboard.")
    return False
