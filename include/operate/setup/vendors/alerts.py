"""Whom alerts are told by beside Slack, where they are used: mail, PagerDuty, Twilio."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from include.errors import VendorError
from include.operate.doctor.forms import PAGERDUTY_KEY, TWILIO_ACCOUNT
from include.operate.setup.prompts import ask, ask_secret, choose, confirm, heading, note
from include.operate.setup.vendors.keys import SECONDS, ask_key, is_used
from include.vendors.alert_channels import SMTP_ENCRYPTIONS, SMTP_PORT
from include.vendors.mail.client import Mail
from include.vendors.twilio.client import Twilio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.operate.setup.env_file import EnvFile

PORTS: Final = range(1, 65_536)


def mail(env: EnvFile) -> None:
    """Ask whether alerts come by mail, and through which server."""
    heading("Mail")
    if not is_used("mail", "smtp", env, what="alerts"):
        return
    document = env.connection("smtp") or {"conn_type": "smtp"}
    extra = dict(document.get("extra") or {})
    while True:
        document["host"] = ask("Server", default=document.get("host"))
        document["port"] = int(
            ask("Port", default=str(document.get("port") or SMTP_PORT), wrong=_wrong_port)
        )
        encryption = {one: one for one in SMTP_ENCRYPTIONS}
        extra["encryption"] = choose(
            "Encryption", encryption, default=extra.get("encryption") or "starttls"
        )
        document["login"] = ask("Login (Enter: none)", default=document.get("login") or "")
        if document["login"]:
            document["password"] = ask_secret("Password", existing=document.get("password") or "")
        extra["from"] = ask("Sender's address", default=extra.get("from"))
        env.set_connection("smtp", {**document, "extra": extra})
        with _told() as told:
            Mail(
                host=document["host"],
                port=document["port"],
                sender=extra["from"],
                login=document["login"],
                password=document.get("password", ""),
                encryption=extra["encryption"],
                timeout_seconds=SECONDS,
            ).check()
        if not told or not confirm("Ask again? (no: it stays as it is)", default=True):
            return


def _wrong_port(text: str) -> str:
    return "" if text.isdecimal() and int(text) in PORTS else "a number, please"


def pagerduty(env: EnvFile) -> None:
    """Ask whether PagerDuty is used. No call tells whether it knows a key without waking somebody."""
    heading("PagerDuty")
    if not is_used("PagerDuty", "pagerduty", env, what="alerts that wake somebody"):
        return
    known = env.connection("pagerduty")
    key = ask_key(
        "Integration key of the Events API v2 (32 characters)",
        existing=known.get("password", ""),
        form=PAGERDUTY_KEY,
        try_it=lambda _key: None,
        advice="Take it from the service at PagerDuty, Integrations, Events API V2.",
    )
    host = known.get("host") or "https://events.pagerduty.com/v2"
    env.set_connection("pagerduty", {**known, "conn_type": "http", "host": host, "password": key})
    note(
        "Only its form was looked at: a call would wake somebody (`./ops alerts check` makes one that wakes nobody)."
    )


def twilio(env: EnvFile) -> None:
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
            "" if re.fullmatch(TWILIO_ACCOUNT, text) else "AC and 32 digits or letters a to f"
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


@contextmanager
def _told() -> Iterator[list[str]]:
    """Tell a vendor's refusal instead of raising it; what is given has it, too."""
    told: list[str] = []
    try:
        yield told
    except VendorError as error:
        told.append(str(error))
        note(f"{error}.")
