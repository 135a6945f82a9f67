"""Things in lists of a size that one call, or one transaction, takes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Return things in lists of at most that size, as `itertools.batched` does from Python 3.12 on."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch
