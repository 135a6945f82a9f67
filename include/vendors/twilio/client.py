"""Twilio's Messages (twilio.com/docs/messaging/api/message-resource): text messages, each sent once.

Two calls, made here: the vendor's package is 22 MiB of 782 files, and has no setting for another address
(docs/decisions/0024). A message has no key of ours, so a lost answer is looked up by number, time and text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import requests

from include.errors import (
    PermanentVendorError,
    Scope,
    VendorBusyError,
    VendorError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.http import never_left

if TYPE_CHECKING:
    from include.alerts.texts import AlertMessage
    from include.vendors.manifest import VendorAccess

PAGE: Final = 50
SLACK: Final = timedelta(minutes=1)  # their clock and ours
UNDELIVERED: Final = frozenset({"failed", "undelivered", "canceled"})
SCOPES: Final = {
    21211: Scope.PLACE,  # no number
    21408: Scope.PLACE,  # a country that is not enabled
    21610: Scope.PLACE,  # who has said STOP
    21614: Scope.PLACE,  # a number that takes no text messages
    21606: Scope.VENDOR,  # our own number
    21212: Scope.VENDOR,
}
"""How far a refusal reaches, by Twilio's code (twilio.com/docs/api/errors); any other is about the one message."""


def connect_channel(access: VendorAccess) -> Twilio:
    """Return the channel of the connection `twilio`."""
    account = access.account("twilio")
    return Twilio(
        account.login,
        account.password,
        sender=str(account.extra.get("from", "")),
        base_url=account.host,
        timeout_seconds=access.settings.vendor_timeout_seconds,
    )


class Twilio:
    """What we ask of Twilio."""

    is_repeatable = False

    def __init__(
        self, account: str, token: str, *, sender: str, base_url: str, timeout_seconds: float
    ) -> None:
        """Call `base_url`, which is without the version; `sender` is our number or messaging service."""
        self._auth = (account, token)
        self._sender = sender
        self._account_url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}"
        self._url = f"{self._account_url}/Messages.json"
        self._timeout_seconds = timeout_seconds

    def send(self, to: str, message: AlertMessage) -> str | None:
        """Send a text message; return its id."""
        sender = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        form = {"To": to, sender: self._sender, "Body": message.short}
        sid: str | None = self._call("POST", data=form).get("sid")
        return sid

    def was_sent(self, to: str, message: AlertMessage) -> bool | None:
        """Look for the message among what was sent to this number since it came up."""
        since = message.at - SLACK
        query = {"To": to, "DateSent>": since.astimezone(UTC).date().isoformat(), "PageSize": PAGE}
        found = self._call("GET", params=query).get("messages", [])
        return any(_is(one, message, since) for one in found)

    def check(self) -> None:
        """Read a message at most: account and token are right, nothing is sent."""
        if not self._sender:
            raise PermanentVendorError("Twilio: no sender is set")
        self._call("GET", params={"PageSize": 1})

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = requests.request(
                method, self._url, auth=self._auth, timeout=self._timeout_seconds, **arguments
            )
        except requests.RequestException as error:
            raise _lost(method, error) from None
        if not answer.ok:
            raise _error_from(answer, method)
        document: dict[str, Any] = answer.json()
        return document


def _is(sent: dict[str, Any], message: AlertMessage, since: datetime) -> bool:
    """Tell whether a message that Twilio has is this one."""
    created = parsedate_to_datetime(sent["date_created"])
    return sent["body"] == message.short and created >= since and sent["status"] not in UNDELIVERED


def _lost(method: str, error: requests.RequestException) -> VendorError:
    """Return what a call without an answer means: unknown, unless it surely never left."""
    if method == "GET" or never_left(error):
        return VendorUnavailableError("Twilio does not answer")
    return VendorUncertainError("Twilio's answer was lost")


def _error_from(answer: requests.Response, method: str) -> VendorError:
    """Return our error; Twilio's own text quotes the number."""
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return VendorBusyError("Twilio: too many messages")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if method == "GET":
            return VendorUnavailableError(f"Twilio answers {status}")
        return VendorUncertainError(f"Twilio answers {status}")
    code = _code(answer)
    words = f"Twilio refuses the message: {status}{f', error {code}' if code else ''}"
    is_about_us = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    scope = Scope.VENDOR if is_about_us else SCOPES.get(code, Scope.MESSAGE)
    return PermanentVendorError(words).about(scope)


def _code(answer: requests.Response) -> int:
    """Return Twilio's own code of a refusal; 0 where there is none."""
    try:
        document = answer.json()
    except requests.JSONDecodeError:
        return 0
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, int) else 0
