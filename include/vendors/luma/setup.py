"""Luma, where it is used: a calendar's key."""

import requests

from include.interview.env_file import EnvFile
from include.interview.keys import SECONDS, ask_key, is_used
from include.interview.prompts import heading, note
from include.vendors.luma.client import Luma


def set_up(env: EnvFile) -> None:
    """Ask whether Luma is used, and for its key."""
    heading("Luma")
    if not is_used("Luma", "luma", env, what="members are let in to events"):
        return
    known = env.connection("luma")
    host = known.get("host") or "https://public-api.luma.com"
    owners: list[str] = []

    def try_it(key: str) -> None:
        with requests.Session() as session:
            client = Luma(session, api_key=key, base_url=host, timeout_seconds=SECONDS)
            owners.append(client.read_owner_name())

    key = ask_key(
        "API key",
        existing=known.get("password", ""),
        form=r"\S+",
        try_it=try_it,
        advice="Take it from the calendar's settings at Luma, Developer, API keys (Luma Plus).",
    )
    env.set_connection("luma", {**known, "conn_type": "http", "host": host, "password": key})
    if owners:
        note(f"The key of {owners[-1]}.")
