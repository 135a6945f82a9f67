"""How Slack's calls and answers read in its description, which is of 2020.

It lists GET where Slack's own package posts a form, wants the token as an argument, calls yes and no
`true` and `false` where the package sends `1` and `0`, and describes a refusal, which is a 200, as `default`.
"""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import orjson

from include.lab.sandbox.slack.arguments import FORM, token_of
from include.lab.sandbox.wire import Answer, Call

READS = frozenset(
    {
        "/auth.test",
        "/users.list",
        "/users.info",
        "/users.lookupByEmail",
        "/users.profile.get",
        "/users.conversations",
        "/usergroups.list",
        "/usergroups.users.list",
        "/conversations.list",
        "/conversations.info",
        "/conversations.members",
        "/team.info",
    }
)
YES_OR_NO = frozenset(
    {
        "exclude_archived",
        "include_count",
        "include_disabled",
        "include_labels",
        "include_locale",
        "include_num_members",
        "include_users",
    }
)
TOKEN_IN_HEADER = frozenset({"/auth.test"})


def call_in_description(call: Call) -> Call:
    """Return a call as the description has it: a read as GET with a query, the rest as a form."""
    if call.path not in READS:
        return replace(call, body=as_form(call))
    fields = [*parse_qsl(call.query_string), *parse_qsl(call.body.decode("utf-8", "replace"))]
    if call.path not in TOKEN_IN_HEADER and "token" not in dict(fields):
        fields.append(("token", token_of(call)))
    query = urlencode([(name, as_truth(name, value)) for name, value in fields])
    return replace(call, method="GET", query_string=query, body=b"")


def as_truth(name: str, value: str) -> str:
    """Return `1` and `0` as the description writes them, where it wants yes or no."""
    return {"1": "true", "0": "false"}.get(value, value) if name in YES_OR_NO else value


def as_form(call: Call) -> bytes:
    """Return a body as the form that means the same in the description's words."""
    if call.headers.get("content-type", "").startswith(FORM):
        fields = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
        return urlencode([(name, as_truth(name, value)) for name, value in fields]).encode()
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return call.body
    if not isinstance(body, dict):
        return call.body
    return urlencode({name: as_field(value) for name, value in body.items()}).encode()


def as_field(value: object) -> str:
    """Return a JSON value as it stands in a form."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def status_in_description(answer: Answer) -> str:
    """Return `default` for a refusal, else the status."""
    refused = answer.body.startswith(b'{"ok":false')
    return "default" if refused else str(answer.status)
