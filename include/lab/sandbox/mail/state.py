"""The mails that were taken."""

from collections.abc import Mapping
from email import message_from_bytes, policy
from typing import Any

from include.lab.sandbox.vendor import Surroundings


class MailState:
    """The mails, oldest first."""

    def __init__(self, around: Surroundings) -> None:
        """Start without mails."""
        self.around = around
        self.mails: list[dict[str, Any]] = []

    def take(self, sender: str, recipients: list[str], content: bytes) -> None:
        """Keep a mail."""
        parsed = message_from_bytes(content, policy=policy.default)
        body = parsed.get_body(("plain",))
        self.mails.append(
            {
                "at": self.around.clock.now(),
                "from": sender,
                "to": recipients,
                "subject": parsed["Subject"],
                "headers": {name: str(value) for name, value in parsed.items()},
                "text": body.get_content() if body is not None else "",
            }
        )

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return the mails; to one address, or all."""
        mails = [mail for mail in self.mails if wanted is None or wanted in mail["to"]]
        return {"mails": mails}
