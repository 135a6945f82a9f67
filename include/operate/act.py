"""An act of a person: who she is, why, the deployment it is done on, and one line where it cannot be done."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Final

import typer

from include.errors import ActRefusedError, CommandError
from include.operate.deployment import chosen, config_file, read_config
from include.person import person_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.operate.deployment import Deployment
    from include.person import Person
    from include.store import Store

NOBODY: Final = {"root", "airflow", "admin", "ops"}  # users of machines and containers

Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit log.")]
Actor = Annotated[
    str | None,
    typer.Option(
        "--actor",
        metavar="NAME",
        envvar="OPS_ACTOR",
        help="Who decides; without, the name that is kept, or asked for once.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def acting(reason: str, actor: str | None) -> Iterator[tuple[Deployment, Store, Person]]:
    """Give what an act needs; what cannot be done is one line for the person at the terminal."""
    person = person_of(actor, reason)
    deployment = chosen()
    try:
        with deployment.store() as store:
            yield deployment, store, person
    except ActRefusedError as error:
        raise CommandError(str(error)) from None


def person_of(actor: str | None, reason: str) -> Person:
    """Return who acts and why: as she says, as it is kept in her configuration, or as she is asked."""
    try:
        person_from("somebody", reason)  # before a person is asked for her name
        name = actor or read_config().get("actor") or _asked()
        person = person_from(str(name), reason)
    except ActRefusedError as error:
        raise CommandError(str(error)) from None
    if person.actor.removeprefix("user:").casefold() in NOBODY:
        raise CommandError(f"{name} is nobody's name: say who decides with --actor NAME")
    return person


def _asked() -> str:
    """Ask a person at a terminal for her name, and keep it; raise CommandError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise CommandError("who decides? Say --actor NAME, or set OPS_ACTOR")
    name = str(typer.prompt("Your name, for the audit log", err=True)).strip()
    person_from(name, "asked")  # what cannot be used is not kept
    with suppress(OSError):  # a container without a home: asked again the next time
        _keep(name)
    return name


def _keep(name: str) -> None:
    """Write the name into the configuration, before the profiles that are there."""
    path = config_file()
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"actor = {json.dumps(name, ensure_ascii=False)}\n{kept}")
    fresh.replace(path)
