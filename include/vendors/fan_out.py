"""Several calls at a time, where a vendor allows it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from include.errors import VendorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def fan_out(
    call: Callable[[Item], Answer], items: Sequence[Item], *, width: int
) -> list[Answer | VendorError]:
    """Call for each item, at most `width` at a time; a vendor's failure takes its answer's place."""

    def attempt(item: Item) -> Answer | VendorError:
        try:
            return call(item)
        except VendorError as error:
            return error

    if width == 1 or len(items) <= 1:
        return [attempt(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(width, len(items))) as pool:
        return list(pool.map(attempt, items))
