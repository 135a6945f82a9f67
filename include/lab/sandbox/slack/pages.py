"""Lists in pages: `limit` and `cursor`, as Slack's newer methods take them."""

import base64
from typing import TypeVar

from include.lab.sandbox.slack.arguments import Arguments, text, whole_number
from include.lab.sandbox.slack.errors import refused
from include.lab.sandbox.wire import Json

T = TypeVar("T")

MOST = 1000


def page_of(items: list[T], arguments: Arguments, *, usual: int) -> tuple[list[T], Json]:
    """Return a page and the metadata that leads to the next one; no cursor is the last page's."""
    limit = whole_number(arguments, "limit", usual)
    if not 0 < limit <= MOST:
        raise refused("invalid_limit")
    start = _start_from(text(arguments, "cursor"), len(items))
    end = start + limit
    more = base64.b64encode(f"at:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], {"next_cursor": more}


def _start_from(cursor: str, length: int) -> int:
    if not cursor:
        return 0
    try:
        name, _, start = base64.b64decode(cursor, validate=True).decode().partition(":")
    except ValueError:
        raise refused("invalid_cursor") from None
    if name != "at" or not start.isdecimal() or int(start) > length:
        raise refused("invalid_cursor")
    return int(start)
