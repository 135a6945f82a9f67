"""Twilio, where alerts come as text messages: the account and the number."""

import re

from include.interview.env_file import EnvFile
from include.interview.keys import SECONDS, ask_key, is_used
from include.interview.prompts import ask, heading
from include.vendors.twilio.client import Twilio
from include.vendors.twilio.manifest import ACCOUNT


def set_up(env: EnvFile) -> None:
    """Ask whether Twilio is used, for the account and the number."""
    heading("Twilio")
    if not is_used("Twilio", "twilio", env, what="alerts as text messages"):
        return
    known = env.connection("twilio")
    extra = dict(known.get("extra") or {})
    host = known.get("host") or "https://api.twilio.com"
    account = ask(
        "Account SID (AC…)",
        default=known.get("login"),
        wrong=lambda text: (
            "" if re.fullmatch(ACCOUNT, text) else "AC and 32 digits or letters a to f"
        ),
    )
    sender = ask("Our number (+1…) or messaging service (MG…)", default=extra.get("from"))

    def try_it(token: str) -> None:
        Twilio(account, token, sender=sender, base_url=host, timeout_seconds=SECONDS).check()

    token = ask_key(
        "Auth token",
        existing=known.get("password", ""),
        form=r"\S+",
        try_it=try_it,
        advice="Take account and token from Twilio's console, Account Info.",
    )
    document = {"conn_type": "http", "host": host, "login": account, "password": token}
    env.set_connection("twilio", {**known, **document, "extra": {**extra, "from": sender}})
