"""Slack, through its own package: messages to people (docs.slack.dev/reference/methods)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from slack_sdk.errors import SlackApiError

from include.alerts.texts import ACKNOWLEDGE, Button, Link
from include.errors import PermanentVendorError
from include.vendors.slack.errors import NETWORK_ERRORS, error_from, network_error_from
from include.vendors.slack.texts import mrkdwn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slack_sdk import WebClient
    from slack_sdk.web import SlackResponse

    from include.alerts.texts import AlertMessage
    from include.vendors.manifest import VendorAccess

QUIET = logging.getLogger("include.vendors.slack.client.package")
"""For the package, which logs what it sends and what it cannot read; our errors say what is needed."""
QUIET.setLevel(logging.CRITICAL + 1)

MAX_IN_A_SECTION: Final = 3000
"""Characters of a block's text (docs.slack.dev/reference/block-kit/blocks/section-block)."""
SCOPES: Final = "x-oauth-scopes"  # docs.slack.dev/authentication/installing-with-oauth
Block = dict[str, Any]


def connect(access: VendorAccess, connection: str = "slack") -> Slack:
    """Return a client that calls with the token of a connection."""
    client, extra = access.slack_client(connection)
    return Slack(
        client,
        ops_channel=str(extra.get("ops_channel", "")),
        staff_channel=str(extra.get("staff_channel", "")),
        has_buttons=bool(extra.get("buttons")),
    )


def connect_channel(access: VendorAccess) -> SlackChannel:
    """Return the channel of the connection `slack`."""
    return SlackChannel(connect(access), console=f"{access.airflow_url.rstrip('/')}/ops")


class Slack:
    """What we ask of Slack. The client must not try anything twice by itself."""

    def __init__(
        self, client: WebClient, *, ops_channel: str, staff_channel: str, has_buttons: bool = False
    ) -> None:
        """Call with `client`; failures go to `ops_channel`, questions to people to `staff_channel`.

        `has_buttons`: the app's Interactivity Request URL is the relay's. Slack asks it also for a button that only
        opens a page, and warns who has pressed it where nobody answers (slackapi/node-slack-sdk#869).
        """
        self._client = client
        self._has_buttons = has_buttons
        self.ops_channel = ops_channel
        self.staff_channel = staff_channel

    def post_message(
        self,
        channel: str,
        text: str,
        *,
        buttons: Sequence[Link] = (),
        thread_ts: str | None = None,
    ) -> str:
        """Post a message and return its `ts`, which a reply gives as `thread_ts`.

        `text` has all links; `buttons` are under it where the app has them. Slack has no key against doubles:
        VendorUncertainError says that the message may stand there. One message a second goes into a channel:
        VendorBusyError.
        """
        answer = _call(
            self._client.chat_postMessage,
            repeatable=False,
            channel=channel,
            text=text,
            blocks=_blocks(text, buttons) if self._has_buttons else None,
            thread_ts=thread_ts,
            unfurl_links=False,
        )
        return _text_in(answer, "ts")

    def check(self) -> frozenset[str] | None:
        """Ask Slack who we are: raises where it does not know us.

        Returns what the token may do (its scopes); None where the answer does not say.
        """
        answer = _call(self._client.auth_test, repeatable=True)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        scopes = headers.get(SCOPES)
        return None if scopes is None else frozenset(scopes.replace(",", " ").split())


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


def _blocks(text: str, buttons: Sequence[Link]) -> list[Block] | None:
    """Return a text with buttons under it; None where there are none, or where the text is too long for a block."""
    if not buttons or len(text) > MAX_IN_A_SECTION:
        return None
    elements = [
        {
            "type": "button",
            "action_id": f"open_{number}",
            "text": {"type": "plain_text", "text": one.text},
            "url": one.url,
            **({"value": one.value} if isinstance(one, Button) else {}),
        }
        for number, one in enumerate(buttons)
    ]
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return [section, {"type": "actions", "elements": elements}]


def _call(
    method: Callable[..., SlackResponse], *, repeatable: bool, **arguments: Any
) -> SlackResponse:
    """Call a method of the package; every failure becomes one of ours."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        raise error_from(error, repeatable=repeatable) from None  # its text quotes the answer
    except NETWORK_ERRORS as error:
        raise network_error_from(error, repeatable=repeatable) from None


def _text_in(answer: SlackResponse, name: str) -> str:
    """Return a text of an answer, or say that the answer makes no sense."""
    value = answer.get(name)
    if not isinstance(value, str):
        raise PermanentVendorError(f"Slack's answer has no {name}")
    return value
