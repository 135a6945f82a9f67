"""Messages: where they stand, and what Slack takes for one."""

from dataclasses import dataclass, field
from typing import Any

from include.lab.sandbox.slack import errors

Block = dict[str, Any]

MOST_CHARACTERS = 40_000
MOST_BLOCKS = 50
MOST_IN_A_SECTION = 3000
MOST_IN_A_HEADER = 150
MOST_ELEMENTS = 25
MOST_IN_A_BUTTON = 75
MOST_IN_A_URL = 3000
MOST_IN_AN_ID = 255
KINDS = {
    "section",
    "header",
    "divider",
    "actions",
    "context",
    "image",
    "input",
    "file",
    "rich_text",
    "video",
    "markdown",
}
"""As in docs.slack.dev/reference/block-kit/blocks."""
TEXT_OF = {"section": MOST_IN_A_SECTION, "header": MOST_IN_A_HEADER}


@dataclass(slots=True, kw_only=True)
class Message:
    """One message; `thread_ts` is the parent's `ts` for a reply."""

    channel: str
    ts: str
    text: str
    blocks: list[Block] = field(default_factory=list)
    thread_ts: str | None = None
    via: str = "chat.postMessage"
    edited: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the message for a person to read."""
        return {name: getattr(self, name) for name in self.__slots__}


class Messages:
    """All messages, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self.all: list[Message] = []
        self._last_micros = 0

    def add(self, message: Message) -> Message:
        """Keep a message; a reply needs its parent, and a reply to a reply goes to the parent."""
        if message.thread_ts is not None:
            parent = self.find(message.channel, message.thread_ts)
            if parent is None:
                raise errors.refused("thread_not_found")
            message.thread_ts = parent.thread_ts or parent.ts
        self.all.append(message)
        return message

    def find(self, channel_id: str, ts: str) -> Message | None:
        """Return a channel's message, or None."""
        return next((m for m in self.all if (m.channel, m.ts) == (channel_id, ts)), None)

    def next_ts(self, now: float) -> str:
        """Return a time stamp that no message has: seconds, a point, six digits."""
        self._last_micros = max(int(now * 1_000_000), self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06}"


def refuse_unreadable(text: str, blocks: Any) -> list[Block]:
    """Return the blocks of a message, or refuse: no text, too much of it, blocks Slack cannot read."""
    if len(text) > MOST_CHARACTERS:
        raise errors.refused("msg_too_long")
    if blocks is None:
        blocks = []
    if not isinstance(blocks, list) or not all(map(_is_block, blocks)):
        raise errors.refused("invalid_blocks_format")
    if len(blocks) > MOST_BLOCKS or not all(map(_is_readable, blocks)):
        raise errors.refused("invalid_blocks")
    if not text and not blocks:
        raise errors.refused("no_text")
    return blocks


def _is_block(block: object) -> bool:
    return isinstance(block, dict) and isinstance(block.get("type"), str)


def _is_readable(block: Block) -> bool:
    """Tell whether Slack knows this kind of block, and its text is neither empty nor longer than Slack shows."""
    kind = block["type"]
    if kind == "actions":
        return _are_actions(block.get("elements"))
    if kind not in TEXT_OF or "fields" in block:
        return kind in KINDS
    return _is_text(block.get("text"), most=TEXT_OF[kind])


def _is_text(
    inner: object, *, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> bool:
    """Tell whether it is a text object of one of these kinds."""
    if not isinstance(inner, dict) or inner.get("type") not in kinds:
        return False
    text = inner.get("text")
    return isinstance(text, str) and 0 < len(text) <= most


def _are_actions(elements: object) -> bool:
    """Tell whether these are elements of an actions block: some, not too many, and no id twice."""
    if not isinstance(elements, list) or not 0 < len(elements) <= MOST_ELEMENTS:
        return False
    if not all(isinstance(one, dict) for one in elements):
        return False
    ids = [one["action_id"] for one in elements if "action_id" in one]
    buttons = [one for one in elements if one.get("type") == "button"]
    return len(set(map(str, ids))) == len(ids) and all(map(_is_button, buttons))


def _is_button(button: Block) -> bool:
    """Tell whether it is a button as docs.slack.dev/reference/block-kit/block-elements/button-element has it."""
    url, name = button.get("url", "https://"), button.get("action_id", "a")
    return (
        _is_text(button.get("text"), most=MOST_IN_A_BUTTON, kinds=("plain_text",))
        and isinstance(url, str)
        and url.startswith(("https://", "http://"))
        and len(url) <= MOST_IN_A_URL
        and isinstance(name, str)
        and 0 < len(name) <= MOST_IN_AN_ID
    )
