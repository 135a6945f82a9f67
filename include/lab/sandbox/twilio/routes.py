"""Twilio's operations: HTTP in and out."""

from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.twilio import errors
from include.lab.sandbox.twilio.state import TwilioState
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Answer, Call, Routes, basic_of, json_answer

ROUTES = Routes()
PATH = "/2010-04-01/Accounts/{account}/Messages"
MOST_PER_PAGE = 1000


@ROUTES.on("POST", f"{PATH}.json")
def create(state: TwilioState, call: Call, account: str) -> Answer:
    """Send a text message."""
    return json_answer(state.create(account, dict(parse_qsl(call.body.decode()))), 201)


@ROUTES.on("GET", f"{PATH}.json")
def select(state: TwilioState, call: Call, account: str) -> Answer:
    """Return a page of messages, newest first."""
    query = {name: values[-1] for name, values in call.query.items()}
    found = [
        message
        for message in state.select(account, to=query.get("To"), sender=query.get("From"))
        if is_in_time(message, query)
    ]
    size = min(int(query.get("PageSize", 50)), MOST_PER_PAGE)
    number = int(query.get("Page", 0))
    return json_answer(page(found, query, call.path, size=size, number=number))


@ROUTES.on("GET", f"{PATH}/{{sid}}.json")
def get(state: TwilioState, _call: Call, account: str, sid: str) -> Answer:
    """Return a message."""
    return json_answer(state.get(account, sid))


def is_in_time(message: dict[str, Any], query: dict[str, str]) -> bool:
    """Is the day of a message's sending one of those that are wanted."""
    day = parsedate_to_datetime(message["date_sent"]).date()
    limits = {
        sign: date.fromisoformat(query[f"DateSent{sign}"][:10])
        for sign in ("", "<", ">")
        if f"DateSent{sign}" in query
    }
    return (
        day == limits.get("", day) and day <= limits.get("<", day) and day >= limits.get(">", day)
    )


def page(
    found: list[dict[str, Any]], query: dict[str, str], path: str, *, size: int, number: int
) -> dict[str, Any]:
    """Return one page of a list with its neighbours."""
    start = size * number
    shown = found[start : start + size]

    def uri(page_number: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page_number})}"

    return {
        "page": number,
        "page_size": size,
        "start": start,
        "end": max(start + len(shown) - 1, start),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if start + size < len(found) else None,
        "previous_page_uri": uri(number - 1) if number else None,
        "messages": shown,
    }


def authorize(settings: SandboxSettings, call: Call) -> None:
    """Take account and token from basic authorization; the account is the one in the path."""
    account, token = basic_of(call)
    wanted = settings.twilio_auth_token
    if not token or f"/Accounts/{account}/" not in call.path:
        raise errors.unauthenticated()
    if wanted is not None and token != wanted.get_secret_value():
        raise errors.unauthenticated()


VENDOR = Vendor(
    name="twilio",
    base="",
    description=lambda _call, _switches: "twilio.openapi.json",
    routes=ROUTES,
    new_state=TwilioState,
    authorize=authorize,
    no_such_route=lambda call: errors.not_found(call.path).answer,
)
