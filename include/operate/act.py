"""An act of a person at the terminal: who she is, the stack it is done on, and one line where it cannot be done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import psutil
import typer

from include.errors import ActRefusedError
from include.jobs.person import Person, person_from
from include.lab.stack import lifecycle
from include.lab.stack.databases import store_of
from include.operate.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.lab.stack.stack import Stack
    from include.store import Store

Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit log.")]
Actor = Annotated[
    str | None,
    typer.Option("--actor", metavar="NAME", help="Who decides; without, the local user."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def acting(reason: str, actor: str | None) -> Iterator[tuple[Stack, Store, Person]]:
    """Give what an act needs; what cannot be done is one line for the person at the terminal."""
    try:
        person = person_from(psutil.Process().username() if actor is None else actor, reason)
        stack = lifecycle.running_or_error(lifecycle.layout())
        with store_of(stack) as store:
            yield stack, store, person
    except ActRefusedError as error:
        raise CommandError(str(error)) from None
