"""Where the check against the descriptions is lenient, each with its reason; the rest is strict.

Three more are in how a description is read (`descriptions.py`): null is a value of a nullable enum,
as Stripe's 2023 description means without saying so; a choice that Slack's writes as `items` of
no array is a choice; and of a list of more than four only the first and last two elements are
checked, so that a bulk call of 500 stays cheap.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Leniency:
    """A call that a vendor takes though our cut of its description lacks it.

    `query` empty: the whole operation. Else only these query parameters of an operation it has.
    """

    vendor: str
    method: str
    path: str
    query: tuple[str, ...]
    reason: str

    def fits(self, vendor: str, method: str, path: str) -> bool:
        """Is this entry about that call."""
        return (
            self.vendor == vendor
            and fnmatchcase(method, self.method)
            and fnmatchcase(path, self.path)
        )


BY_OBJECT = "not in the cut; answers are checked by the schema of their `object`"
PAGES = ("limit", "starting_after", "ending_before")
SEARCH = ("query", "limit", "page")
OLD_LUMA = "an older route, not in the cut; after recordings and clients of it"

LENIENCIES = (
    Leniency("luma", "GET", "/v1/calendar/list-events", (), OLD_LUMA),
    Leniency("luma", "GET", "/v1/user/get-self", (), OLD_LUMA),
    Leniency("luma", "GET", "/v1/event/get", (), OLD_LUMA),
    Leniency("luma", "GET", "/v1/event/get-guest", (), OLD_LUMA),
    Leniency("clerk", "GET", "/instance", (), "not in the cut; after the type in Clerk's own SDK"),
    Leniency("mailchimp", "*", "/lists/*/segments*", (), "not in the cut; after the reference"),
    Leniency("stripe", "GET", "/v1/account", (), BY_OBJECT),
    Leniency("stripe", "GET", "/v1/products", (), BY_OBJECT),
    Leniency("stripe", "GET", "/v1/prices", (), BY_OBJECT),
    Leniency("stripe", "DELETE", "/v1/customers/*", (), BY_OBJECT),
    Leniency("stripe", "POST", "/v1/subscriptions", (), BY_OBJECT),
    Leniency("stripe", "POST", "/v1/subscriptions/*/resume", (), BY_OBJECT),
    Leniency("stripe", "POST", "/v1/checkout/sessions*", (), BY_OBJECT),
    Leniency("stripe", "GET", "*", ("expand",), "every GET takes it; types do not always tell"),
    Leniency("stripe", "GET", "/v1/webhook_endpoints", PAGES, "as the description of 2023 has it"),
    Leniency("stripe", "*", "/v1/webhook_endpoints/*", (), BY_OBJECT),
    Leniency("stripe", "GET", "/v1/charges*", (), "not in the cut; after the recorded example"),
    Leniency("stripe", "GET", "/v1/refunds*", (), "not in the cut; after the recorded example"),
    Leniency("stripe", "GET", "/v1/disputes*", (), "not in the cut; after the package's types"),
    Leniency("stripe", "GET", "*/search", SEARCH, "read from types, which name none of them"),
    Leniency("slack", "*", "/slack/services/*", (), "an incoming webhook is no method of the API"),
)


@dataclass(frozen=True, slots=True)
class ExtraField:
    """A field that a vendor's answers have and our cut of its description lacks."""

    vendor: str
    field: str
    at_least_status: int
    reason: str


EXTRA_FIELDS = (ExtraField("mailchimp", "errors", 400, "Invalid Resource names its fields there"),)

NOT_IN_THE_CUT = {"charge", "refund", "dispute"}
"""Objects in Stripe's events that our cut has no schema of; a test holds them to the recorded example or, where
there is none, to what Stripe's package knows of them."""

SAME_AS = {"user.banned": "user.updated", "user.unbanned": "user.updated"}
"""Clerk's events that its cut lacks, with the described one that has the same body."""

NEWER_REFUSALS = {
    "invalid_arguments": "docs.slack.dev lists it for every method",
    "invalid_blocks": "docs.slack.dev/reference/methods/chat.postMessage",
    "invalid_blocks_format": "docs.slack.dev/reference/methods/chat.postMessage",
    "invalid_json": "listed for most methods, not for chat.postMessage",
    "invalid_limit": "listed for conversations.members, not for the other lists",
    "invalid_users": "docs.slack.dev/reference/methods/usergroups.users.update",
    "json_not_object": "listed for most methods, not for chat.postMessage",
    "no_such_subteam": "docs.slack.dev/reference/methods/usergroups.users.list",
    "no_users_provided": "docs.slack.dev/reference/methods/usergroups.users.update",
    "ratelimited": "docs.slack.dev/apis/web-api/rate-limits",
    "not_allowed_token_type": "docs.slack.dev lists it for every method that a bot's token cannot call",
    "thread_not_found": "docs.slack.dev/reference/methods/conversations.replies",
    "user_not_found": "docs.slack.dev/reference/methods/users.profile.set",
    "users_not_found": "docs.slack.dev/reference/methods/users.lookupByEmail",
}
"""Slack's codes that its description of 2020 does not know of, or not where they are given today."""

NO_BODY = {"mailchimp": b"null"}
"""What a vendor's own package sends where an operation takes no body (mailchimp-marketing does)."""


BODIES_UNDESCRIBED = {
    ("stripe", "POST", "/v1/webhook_endpoints"): "read from types, which name none of its fields"
}
"""Operations whose description lacks the body that they take."""

REFUSALS_UNDESCRIBED = {"twilio": "its description has successes only"}
"""Vendors whose refusals (400 and above) nobody describes, each with the reason."""


def is_undescribed_refusal(vendor: str, status: int) -> bool:
    """Is this the refusal of a vendor that describes none."""
    return vendor in REFUSALS_UNDESCRIBED and status >= HTTPStatus.BAD_REQUEST


def with_customers(value: Any) -> Any:
    """Return a document of Stripe's whose accounts stand where the types want a customer.

    Under Accounts v2 `customer` is null where `customer_account` is not; the types do not say so.
    """
    if isinstance(value, list):
        return [with_customers(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {name: with_customers(item) for name, item in value.items()}
    if shown.get("customer", "") is None and shown.get("customer_account"):
        shown["customer"] = shown["customer_account"]
    return shown


def is_stub(vendor: str, document: Any) -> bool:
    """Is this what Stripe shows of a deleted object: three fields, though the types say all."""
    return vendor == "stripe" and isinstance(document, dict) and document.get("deleted") is True


def is_newer_refusal(vendor: str, document: Any) -> bool:
    """Is this a refusal of Slack's with a code that its old description lacks."""
    if vendor != "slack" or not isinstance(document, dict) or document.get("ok") is not False:
        return False
    return document.get("error") in NEWER_REFUSALS and document.keys() <= {"ok", "error"}


def without_extras(vendor: str, status: int, document: Any) -> Any:
    """Return an answer's document without the fields that the description is known to lack."""
    extras = {e.field for e in EXTRA_FIELDS if e.vendor == vendor and status >= e.at_least_status}
    if not extras or not isinstance(document, dict):
        return document
    return {name: value for name, value in document.items() if name not in extras}


def is_undescribed(vendor: str, method: str, path: str) -> bool:
    """Is this one of the operations that the descriptions are known to lack."""
    return any(entry.fits(vendor, method, path) for entry in LENIENCIES if not entry.query)


def undescribed_query(vendor: str, method: str, path: str) -> set[str]:
    """Return the query parameters that an operation takes though its description lacks them."""
    fitting = [entry for entry in LENIENCIES if entry.fits(vendor, method, path)]
    return {name for entry in fitting for name in entry.query}
