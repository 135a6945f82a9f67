"""Twilio's messages: each call that is taken makes one, with no key that could tell two alike apart."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from secrets import token_hex
from typing import Any

from include.lab.sandbox.twilio import errors
from include.lab.sandbox.vendor import Surroundings

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
MOST_BODY = 1600
SEGMENT = 153

Json = dict[str, Any]


class TwilioState:
    """The messages, oldest first."""

    def __init__(self, around: Surroundings) -> None:
        """Start without messages."""
        self.around = around
        self.messages: list[Json] = []

    def create(self, account: str, form: Mapping[str, str]) -> Json:
        """Take a message, or refuse."""
        to, body = form.get("To", ""), form.get("Body", "")
        service = form.get("MessagingServiceSid")
        sender = form.get("From")
        if not NUMBER.fullmatch(to):
            raise errors.bad_number(to)
        if not service and not sender:
            raise errors.no_sender()
        known = self.around.settings.twilio_from
        if sender and known is not None and sender != known:
            raise errors.foreign_sender(sender)
        if not body:
            raise errors.no_body()
        if len(body) > MOST_BODY:
            raise errors.long_body()
        message = self._message(account, to=to, sender=sender, service=service, body=body)
        self.messages.append(message)
        return message

    def get(self, account: str, sid: str) -> Json:
        """Return a message, or refuse."""
        for message in self.messages:
            if message["sid"] == sid and message["account_sid"] == account:
                return delivered(message)
        raise errors.not_found(f"/2010-04-01/Accounts/{account}/Messages/{sid}.json")

    def select(self, account: str, *, to: str | None, sender: str | None) -> list[Json]:
        """Return an account's messages that fit, newest first."""
        return [
            delivered(message)
            for message in reversed(self.messages)
            if message["account_sid"] == account
            and to in (None, message["to"])
            and sender in (None, message["from"])
        ]

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return the messages; to one number, or all."""
        return {"messages": [m for m in self.messages if wanted in (None, m["to"], m["sid"])]}

    def _message(
        self, account: str, *, to: str, sender: str | None, service: str | None, body: str
    ) -> Json:
        sid = f"SM{token_hex(16)}"
        path = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
        now = format_datetime(datetime.fromtimestamp(self.around.clock.seconds(), UTC))
        return {
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": sender,
            "messaging_service_sid": service,
            "num_media": "0",
            "num_segments": str(-(-len(body) // SEGMENT)),
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "queued",
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": to,
            "uri": f"{path}.json",
        }


def delivered(message: Json) -> Json:
    """Return a message as it is a moment after it was taken: at the telephone."""
    if message["status"] == "queued":
        message["status"], message["date_sent"] = "delivered", message["date_created"]
    return message
