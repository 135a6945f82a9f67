"""The channels of alerts, each made of its connection when it is first used.

Connections: `slack` (in `slack.py`), `smtp`, `pagerduty`, `twilio`. A channel whose connection is not set up
is one that fails: it says so, and the next one is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from include.alerts.texts import ACKNOWLEDGE, Button, Link
from include.errors import PermanentVendorError, Scope

if TYPE_CHECKING:
    from include.alerts.channels import AlertChannel
    from include.alerts.texts import AlertMessage
    from include.vendors.mail.client import Encryption
    from include.vendors.slack.client import Slack

CONNECTIONS: Final = {
    "slack": "slack",
    "email": "smtp",
    "pagerduty": "pagerduty",
    "sms": "twilio",
}
"""Channel → its connection."""
CHANNELS: Final = tuple(CONNECTIONS)
SMTP_PORT: Final = 587
SMTP_ENCRYPTIONS: Final = ("starttls", "ssl", "off")


@dataclass(frozen=True, kw_only=True, repr=False)
class ChannelAccount:
    """What a connection says."""

    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class AlertChannels(Mapping[str, "AlertChannel"]):
    """Channel name → channel, connected when it is first asked for; KeyError for no channel."""

    def __init__(
        self,
        *,
        account: Callable[[str], ChannelAccount],
        slack: Callable[[], Slack],
        source: str,
        timeout_seconds: float,
    ) -> None:
        """Know where accounts come from: `account` raises LookupError where there is none of that name."""
        self._account, self._slack = account, slack
        self._source, self._timeout_seconds = source, timeout_seconds
        self._made: dict[str, AlertChannel] = {}

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(CHANNELS)

    def __len__(self) -> int:
        """Count the channels."""
        return len(CHANNELS)

    def __getitem__(self, name: str) -> AlertChannel:
        """Return a channel; PermanentVendorError where its connection is not set up."""
        if name not in self._made:
            make = getattr(self, f"_make_{name}") if name in CHANNELS else None
            if make is None:
                raise KeyError(name)
            self._made[name] = make()
        return self._made[name]

    def defined(self) -> frozenset[str]:
        """Return the channels whose connection is set up."""
        return frozenset(
            name for name, connection in CONNECTIONS.items() if self._is_defined(connection)
        )

    def _is_defined(self, connection: str) -> bool:
        try:
            self._account(connection)
        except LookupError:
            return False
        return True

    def _of(self, connection: str) -> ChannelAccount:
        try:
            return self._account(connection)
        except LookupError:
            raise _unusable(f"the connection `{connection}` is not set up") from None

    def _make_slack(self) -> AlertChannel:
        try:
            return SlackChannel(self._slack(), console=f"{self._source.rstrip('/')}/ops")
        except LookupError:
            raise _unusable("the connection `slack` is not set up") from None

    def _make_email(self) -> AlertChannel:
        from include.vendors.mail.client import Mail  # noqa: PLC0415 - each channel only where it is used

        account = self._of("smtp")
        encryption = str(account.extra.get("encryption", SMTP_ENCRYPTIONS[0]))
        if encryption not in SMTP_ENCRYPTIONS:
            raise _unusable("the connection `smtp` has an unknown encryption")
        return Mail(
            host=account.host,
            port=account.port or SMTP_PORT,
            sender=str(account.extra.get("from", "")),
            login=account.login,
            password=account.password,
            encryption=cast("Encryption", encryption),
            timeout_seconds=self._timeout_seconds,
        )

    def _make_pagerduty(self) -> AlertChannel:
        from include.vendors.pagerduty.client import PagerDuty  # noqa: PLC0415

        account = self._of("pagerduty")
        return PagerDuty(
            account.password,
            routing_keys=account.extra.get("routing_keys", {}),
            base_url=account.host,
            source=self._source,
            timeout_seconds=self._timeout_seconds,
        )

    def _make_sms(self) -> AlertChannel:
        from include.vendors.twilio.client import Twilio  # noqa: PLC0415

        account = self._of("twilio")
        return Twilio(
            account.login,
            account.password,
            sender=str(account.extra.get("from", "")),
            base_url=account.host,
            timeout_seconds=self._timeout_seconds,
        )


def _unusable(why: str) -> PermanentVendorError:
    return PermanentVendorError(why).about(Scope.VENDOR)


class SlackChannel:
    """Slack as a channel of alerts: the title is bold, links are links, and so are what can be said of it."""

    is_repeatable = False

    def __init__(self, slack: Slack, *, console: str) -> None:
        """Post with `slack`; `console` is where people acknowledge an alert, by name and with a reason."""
        self._slack = slack
        self._console = console

    def send(self, to: str, message: AlertMessage) -> str | None:
        """Post the message; return its `ts`."""
        pages = () if message.is_end else self._pages(message)
        places = " | ".join(f"<{one.url}|{one.text}>" for one in pages)
        text = "\n".join(filter(None, (mrkdwn(message), places)))
        return self._slack.post_message(to, text, buttons=pages)

    def _pages(self, message: AlertMessage) -> tuple[Link, ...]:
        rule, seen = message.rule, f"{ACKNOWLEDGE}{message.key}"
        return (
            Button(text="Acknowledge", url=f"{self._console}/alerts#say_{rule}", value=seen),
            Link(text="Open", url=f"{self._console}/alerts/{rule}"),
        )

    def was_sent(self, _to: str, _message: AlertMessage) -> bool | None:
        """Slack cannot be asked by a key; the app may not read the channel."""
        return None

    def check(self) -> None:
        """Ask Slack who we are."""
        self._slack.check()


def mrkdwn(message: AlertMessage) -> str:
    """Return a message in Slack's own format, in which three characters mean something."""
    links = [f"• <{link.url}|{escaped(link.text)}>" for link in message.examples]
    book = message.runbook
    runbook = f"<{book}|Runbook>" if book.startswith("http") else f"Runbook: {escaped(book)}"
    facts = [escaped(fact) for fact in message.facts]
    note = [f"_{escaped(message.note)}_"] if message.note else []
    return "\n".join([f"*{escaped(message.title)}*", *facts, *links, runbook, *note])


def escaped(text: str) -> str:
    """Return text as Slack shows it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
