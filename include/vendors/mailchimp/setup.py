"""Mailchimp: a key with its data centre, the audience, and what welcomes new members."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from include.interview.env_file import EnvFile
from include.interview.keys import SECONDS, ask_key
from include.interview.prompts import ask, choose, heading, note
from include.vendors.mailchimp.client import Mailchimp
from include.vendors.mailchimp.manifest import KEY

JOURNEY: Final = re.compile(r"journeys/(?P<journey>[0-9]+)/steps/(?P<step>[0-9]+)")


def set_up(env: EnvFile) -> None:
    """Ask for Mailchimp's key, the audience and what welcomes new members."""
    heading("Mailchimp")
    known = env.connection("mailchimp")
    names: dict[str, str] = {}

    def client(key: str) -> Mailchimp:
        return Mailchimp(
            key,
            base_url=_mailchimp_host(known.get("host", ""), key),
            list_id="none",
            timeout_seconds=SECONDS,
            welcome=None,
        )

    key = ask_key(
        "API key (…-us1)",
        existing=known.get("password", ""),
        form=KEY,
        try_it=lambda key: names.update(client(key).list_audiences()),
        advice="Take it from Mailchimp, Profile, Extras, API keys, with the data centre behind the dash.",
    )
    extra = dict(known.get("extra") or {})
    document = {
        **known,
        "conn_type": "http",
        "host": _mailchimp_host(known.get("host", ""), key),
        "password": key,
        "extra": extra,
    }
    env.set_connection("mailchimp", document)
    if names:
        extra["list_id"] = choose("Audience of the members", names, default=extra.get("list_id"))
    else:
        extra["list_id"] = ask("Id of the members' audience", default=extra.get("list_id"))
    env.set_connection("mailchimp", document)
    _welcome(env, document)


def _mailchimp_host(known: str, key: str) -> str:
    """Return the address of a key's data centre; one that is not Mailchimp's own stays."""
    if known and not (urlsplit(known).hostname or "").endswith(".mailchimp.com"):
        return known
    return f"https://{key.rpartition('-')[2]}.api.mailchimp.com/3.0"


def _welcome(env: EnvFile, document: dict[str, Any]) -> None:
    """Ask how new members are welcomed.

    Mailchimp's API lists no journeys. Its app shows the address of a step, which has both ids.
    """
    kinds = {"journey": "a customer journey", "off": "not at all"}
    current = env.get("OPS_WELCOME")
    if current == "automation":
        kinds["automation"] = "the classic automation that is set"
    kind = choose("New members are welcomed by", kinds, default=current or "journey")
    extra = document["extra"]
    if kind == "journey":
        is_set = "journey_id" in extra and "journey_step_id" in extra
        usual = (
            f"journeys/{extra['journey_id']}/steps/{extra['journey_step_id']}" if is_set else None
        )
        note(
            "In the journey: Add a starting point, Customer Journeys API. It shows an address with two numbers."
        )
        address = ask(
            "That address",
            default=usual,
            wrong=lambda text: (
                "" if JOURNEY.search(text) else "it has …/journeys/1/steps/2/… in it"
            ),
        )
        if found := JOURNEY.search(address):
            extra |= {"journey_id": int(found["journey"]), "journey_step_id": int(found["step"])}
    env.set_connection("mailchimp", document)
    env.set("OPS_WELCOME", kind)
