"""A vendor's list, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from include.errors import VendorUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[T]):
    """One page; `unreadable` counts entries that could not be understood, and `next` leads on."""

    entries: list[T]
    next: str | None
    unreadable: int = 0


def all_pages(
    read: Callable[..., Page[T]], call: Callable[[Callable[[], Page[T]]], Page[T]], *, vendor: str
) -> Iterator[Page[T]]:
    """Give page after page, each read by a `call`; cursors that lead in a circle are an error, not a loop."""
    cursor: str | None = None
    seen: set[str | None] = set()
    while cursor not in seen:
        seen.add(cursor)
        page = call(partial(read, cursor=cursor))
        yield page
        cursor = page.next
        if cursor is None:
            return
    raise VendorUnavailableError(f"{vendor}'s pages lead in a circle")
