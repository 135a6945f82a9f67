"""How a queries file becomes functions: aiosql over psycopg, read once per process.

A file is `queries/<name>.sql`; a statement's head names its parameters, and aiosql refuses a file
whose statement uses another one: `-- name: verb_object(first, second)`, then a line that says what
it promises. A suffix tells what comes back: none an iterator of rows (nothing is sent before it is
read), `^` one row or None, `$` one value, `!` the number of rows changed.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

import aiosql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    import psycopg
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

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


def record_from(cls: type[T], row: Mapping[str, Any], **types: Callable[[Any], object]) -> T:
    """Return a row as a `cls`, whose fields are all that is taken of it; KeyError where a statement has forgotten one.

    The columns named in `types` are made of their values, where there is one.
    """
    values = {name: row[name] for name in _names(cls)}
    typed = {name: of(row[name]) for name, of in types.items() if row[name] is not None}
    return cls(**{**values, **typed})


def values_of(record: DataclassInstance, **others: object) -> dict[str, Any]:
    """Return a record's fields as named values of a statement, with others beside them or in their place.

    A statement takes the values that it names, and no others.
    """
    return {name: getattr(record, name) for name in _names(type(record))} | others


@cache
def _names(cls: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


class Bound:
    """The statements of one file over one connection."""

    def __init__(self, found: Statements, connection: psycopg.Connection[Any]) -> None:
        """Give each of them the connection."""
        self._found, self._connection = found, connection

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the statement of that name."""
        return partial(getattr(self._found, name), self._connection)


class Table:
    """A class of the store: it works over one connection, and whoever calls decides what is one transaction."""

    _statements: ClassVar[Statements]

    def __init_subclass__(cls, *, file: str | None = None) -> None:
        """Name the file with its statements."""
        if file is not None:
            cls._statements = queries(file)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Work over `connection`, whose rows come as dicts."""
        self._connection = connection
        self._sql = Bound(self._statements, connection)


class MemberTable(Table):
    """A table with rows of members; its file has a statement for members that turn out to be one."""

    def move(self, merged: Mapping[UUID, UUID]) -> None:
        """Give the rows of merged members to the ones they were merged into."""
        self._sql.move_members(from_ids=list(merged.keys()), to_ids=list(merged.values()))
