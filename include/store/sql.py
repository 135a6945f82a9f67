"""How a queries file becomes functions: aiosql over psycopg, read once per process.

A file is `queries/<name>.sql`; a statement's head names its parameters, and aiosql refuses a file
whose statement uses another one: `-- name: verb_object(first, second)`, then a line that says what
it promises. A suffix tells what comes back: none an iterator of rows (nothing is sent before it is
read), `^` one row or None, `$` one value, `!` the number of rows changed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiosql

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

FOLDER = Path(__file__).parent / "queries"


class Statements(Protocol):
    """The functions of one file; what they return depends on their suffix."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the statement of that name."""


@cache
def queries(name: str) -> Statements:
    """Return the statements of `queries/<name>.sql`: functions of a connection and named values."""
    return statements(FOLDER / f"{name}.sql")


def statements(path: Path) -> Statements:
    """Return the statements of a file that lies elsewhere, beside the module that needs them."""
    return cast("Statements", aiosql.from_path(path, "psycopg"))


class Table:
    """A class of the store: it works over one connection, and whoever calls decides what is one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work over `connection`, whose rows come as dicts."""
        self._connection = connection
