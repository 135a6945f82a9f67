"""Clerk's operations: HTTP in and out."""

from typing import Any

import orjson

from include.lab.sandbox.clerk import errors
from include.lab.sandbox.clerk.state import ClerkState, User
from include.lab.sandbox.clerk.webhooks import WEBHOOKS
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.vendor import Vendor
from include.lab.sandbox.wire import Answer, Call, Routes, json_answer

ROUTES = Routes()
MOST_PER_PAGE = 500


@ROUTES.on("GET", "/instance")
def get_instance(_state: ClerkState, _call: Call) -> Answer:
    """Return the instance of the key."""
    return json_answer(
        {
            "object": "instance",
            "id": "ins_sandbox",
            "environment_type": "development",
            "allowed_origins": None,
        }
    )


@ROUTES.on("GET", "/users")
def list_users(state: ClerkState, call: Call) -> Answer:
    """Return a page of users: `limit` (10, at most 500) after `offset`."""
    limit = number_in(call, "limit", 10, at_least=1, at_most=MOST_PER_PAGE)
    offset = number_in(call, "offset", 0, at_least=0, at_most=10**9)
    users = selected(state, call)
    order = call.argument("order_by", "-created_at")
    if order.endswith("updated_at"):
        users.sort(key=lambda user: int(user["updated_at"]))
    ordered = users if order.startswith("+") else users[::-1]
    return json_answer(ordered[offset : offset + limit])


@ROUTES.on("GET", "/users/count")
def count_users(state: ClerkState, call: Call) -> Answer:
    """Count the users that fit."""
    return json_answer({"object": "total_count", "total_count": len(selected(state, call))})


@ROUTES.on("POST", "/users")
def create_user(state: ClerkState, call: Call) -> Answer:
    """Create a user."""
    body = body_of(call)
    addresses = body.pop("email_address", None) or [""]
    if not isinstance(addresses, list):
        raise errors.address_invalid()
    first_name, last_name = body.pop("first_name", None), body.pop("last_name", None)
    return json_answer(state.create(addresses[0], first_name, last_name, **body))


@ROUTES.on("GET", "/users/{user_id}")
def get_user(state: ClerkState, _call: Call, user_id: str) -> Answer:
    """Return a user."""
    return json_answer(state.get(user_id))


@ROUTES.on("PATCH", "/users/{user_id}")
def update_user(state: ClerkState, call: Call, user_id: str) -> Answer:
    """Change a user; addresses are not changed here."""
    body = body_of(call)
    if "email_address" in body:
        raise errors.unknown_parameter("email_address")
    return json_answer(state.update(user_id, body))


@ROUTES.on("PATCH", "/users/{user_id}/metadata")
def merge_metadata(state: ClerkState, call: Call, user_id: str) -> Answer:
    """Merge a user's metadata."""
    return json_answer(state.merge_metadata(user_id, body_of(call)))


@ROUTES.on("DELETE", "/users/{user_id}")
def delete_user(state: ClerkState, _call: Call, user_id: str) -> Answer:
    """Delete a user."""
    return json_answer(state.delete(user_id))


@ROUTES.on("GET", "/email_addresses/{address_id}")
def get_email_address(state: ClerkState, _call: Call, address_id: str) -> Answer:
    """Return an address by its id."""
    for user in state.users.values():
        for address in user["email_addresses"]:
            if address["id"] == address_id:
                return json_answer(address)
    raise errors.not_found()


def selected(state: ClerkState, call: Call) -> list[User]:
    """Return the users that fit all filters, oldest first."""
    query = call.query
    if emails := query.get("email_address"):
        users = [user for email in emails if (user := state.by_email(email))]
    else:
        users = list(state.users.values())
    for name, field in (("user_id", "id"), ("external_id", "external_id")):
        if wanted := query.get(name):
            users = [user for user in users if user[field] in wanted]
    if text := call.argument("query").lower():
        users = [user for user in users if text in searchable(user)]
    return users


def searchable(user: User) -> str:
    """Return the text that `query` looks into."""
    emails = [address["email_address"] for address in user["email_addresses"]]
    return " ".join(
        [user["id"], user["first_name"] or "", user["last_name"] or "", *emails]
    ).lower()


def number_in(call: Call, name: str, default: int, *, at_least: int, at_most: int) -> int:
    """Return a whole number of the query, or refuse."""
    text = call.argument(name, str(default))
    if not text.isdecimal() or not at_least <= int(text) <= at_most:
        raise errors.invalid_parameter(name)
    return int(text)


def body_of(call: Call) -> dict[str, Any]:
    """Return the JSON object of a request, or refuse."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.invalid_json() from None
    if not isinstance(body, dict):
        raise errors.invalid_json()
    return body


def authorize(settings: SandboxSettings, call: Call) -> None:
    """Take the key from bearer authorization."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    wanted = settings.clerk_api_key
    if scheme.lower() != "bearer" or not key:
        raise errors.unauthenticated()
    if wanted is not None and key != wanted.get_secret_value():
        raise errors.unauthenticated()


VENDOR = Vendor(
    name="clerk",
    base="/v1",
    description=lambda _call, _switches: "clerk.openapi.json",
    routes=ROUTES,
    new_state=ClerkState,
    authorize=authorize,
    no_such_route=lambda _call: errors.not_found().answer,
    webhooks=WEBHOOKS,
)
