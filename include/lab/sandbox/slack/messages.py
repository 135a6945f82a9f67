"""Messages: where they stand, and what Slack takes for one."""

from dataclasses import dataclass, field
from typing import Any

from include.lab.sandbox.slack import errors

Block = dict[str, Any]

MOST_CHARACTERS = 40_000
MOST_BLOCKS = 50
MOST_IN_A_SECTION = 3000
MOST_IN_A_HEADER = 150
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
    if len(blocks) > MOST_BLOCKS or any(_has_too_much(block) for block in blocks):
        raise errors.refused("invalid_blocks")
    if not text and not blocks:
        raise errors.refused("no_text")
    return blocks


def _is_block(block: object) -> bool:
    return isinstance(block, dict) and isinstance(block.get("type"), str)


def _has_too_much(block: Block) -> bool:
    """Tell whether a block's text is empty or longer than Slack shows."""
    if block["type"] not in TEXT_OF or "fields" in block:
        return False
    inner = block.get("text")
    text = inner.get("text") if isinstance(inner, dict) else None
    return not isinstance(text, str) or not 0 < len(text) <= TEXT_OF[block["type"]]
