"""Slack's refusals → our errors (docs.slack.dev/apis/web-api/#responses).

A refusal is a 200 with a code; 429 and server errors have their status. Answers can quote what was
sent, so nothing of them but the code goes into our texts.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import URLError

from include.errors import (
    PermanentVendorError,
    Scope,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.http import pause_in

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError

NETWORK_ERRORS = (OSError, HTTPException)
"""What the package lets through: `URLError`, time-outs and resets are OSErrors."""

BUSY = frozenset({"ratelimited", "rate_limited"})
HALF_DONE = frozenset({"fatal_error", "internal_error", "request_timeout"})
"""Codes of a server that failed; part of the call may have happened."""

UNAVAILABLE = frozenset({"service_unavailable", "team_added_to_org"})
NOT_FOUND = frozenset(
    {
        "channel_not_found",
        "message_not_found",
        "no_such_subteam",
        "thread_not_found",
        "user_not_found",
        "users_not_found",
    }
)
SCOPES = {
    Scope.THREAD: frozenset(
        {"thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"}
    ),
    Scope.PLACE: frozenset(
        {
            "channel_not_found",
            "is_archived",
            "is_inactive",
            "not_in_channel",
            "restricted_action",
            "restricted_action_non_threadable_channel",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
        }
    ),
    Scope.VENDOR: frozenset(
        {
            "access_denied",
            "account_inactive",
            "ekm_access_denied",
            "enterprise_is_restricted",
            "invalid_auth",
            "missing_scope",
            "no_permission",
            "not_allowed_token_type",
            "not_authed",
            "org_login_required",
            "team_access_not_granted",
            "token_expired",
            "token_revoked",
        }
    ),
}
"""How far a refusal of `chat.postMessage` reaches, by code; any other is about the one message."""

CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")


def code_of(error: SlackApiError) -> str:
    """Return the code of a refusal; empty where the answer has none that can be shown."""
    data = error.response.data
    code = data.get("error") if isinstance(data, dict) else None
    return code if isinstance(code, str) and CODE.fullmatch(code) else ""


def error_from(error: SlackApiError, *, repeatable: bool) -> VendorError:
    """Return what an answer that is no success means.

    `repeatable` says whether the call may be made again without knowing what came of it.
    """
    status, code = error.response.status_code, code_of(error)
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in BUSY:
        pause = pause_in(error.response.headers)
        return VendorBusyError("Slack: too many calls", retry_after_seconds=pause)
    if status == HTTPStatus.SERVICE_UNAVAILABLE or code in UNAVAILABLE:
        return VendorUnavailableError("Slack is out of service")
    if status != HTTPStatus.OK or code in HALF_DONE:
        message = f"Slack answers {code or status}"
        return VendorUnavailableError(message) if repeatable else VendorUncertainError(message)
    scope = next((one for one, codes in SCOPES.items() if code in codes), Scope.MESSAGE)
    if code in NOT_FOUND:
        return VendorNotFoundError(f"Slack does not know what was named: {code}").about(scope)
    return PermanentVendorError(f"Slack refuses the call: {code or 'no reason given'}").about(scope)


def network_error_from(error: Exception, *, repeatable: bool) -> VendorError:
    """Return what a call without an answer means: not sent, or perhaps done."""
    cause = error.reason if isinstance(error, URLError) else error
    name = type(cause).__name__
    if repeatable or isinstance(cause, ConnectionRefusedError):
        return VendorUnavailableError(f"Slack does not answer: {name}")
    return VendorUncertainError(f"Slack's answer was lost: {name}")
