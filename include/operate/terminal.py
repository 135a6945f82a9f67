"""What the commands say, and how they end."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TextIO
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType

    from _typeshed import DataclassInstance


def say(text: str = "", *, out: TextIO | None = None) -> None:
    """Print a line; a terminal that is gone is no reason to leave processes behind."""
    with suppress(OSError, ValueError):
        print(text, file=out or sys.stdout, flush=True)


def console() -> Console:
    """Return where tables are drawn: as wide as the terminal, and wide enough in a file."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def group(words: str) -> typer.Typer:
    """Return where commands that belong together are put; without one of them it shows its help."""
    return typer.Typer(help=words, no_args_is_help=True, rich_markup_mode=None)


def table_of(*columns: str, right: Collection[str] = ()) -> Table:
    """Return an empty table with these columns; those in `right` have numbers."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return shown


def moment(at: datetime | None) -> str:
    """Return a moment as a table has it, in UTC; nothing where there is none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else ""


def document_of(
    record: DataclassInstance, *, without: Collection[str] = (), **more: object
) -> dict[str, Any]:
    """Return a record as JSON has it: its fields, but for those `without`, and `more`; moments are in UTC."""
    found = {one.name: getattr(record, one.name) for one in fields(record)} | more
    return {name: plain(value) for name, value in found.items() if name not in without}


def plain(value: Any) -> Any:
    """Return what JSON has of a value: records are objects, moments are in UTC."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case UUID():
            return str(value)
        case Mapping():
            return {name: plain(one) for name, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return document_of(value)
        case _:
            return value


def say_json(value: object) -> None:
    """Print a value for programs."""
    say(json.dumps(plain(value), indent=1))


def stop_on_signals() -> None:
    """Make a request to end, and the end of the terminal, the same as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _hang_up)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _hang_up(_number: int, _frame: FrameType | None) -> NoReturn:
    """Write to nowhere from here on: the terminal has gone."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    raise KeyboardInterrupt
