"""Questions at a terminal. A secret is never shown, and Enter keeps what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def heading(text: str) -> None:
    """Begin a part."""
    typer.echo(f"\n{text}")


def note(text: str) -> None:
    """Tell something below a question."""
    typer.echo(f"  {text}")


def ask(
    question: str, *, default: str | None = None, wrong: Callable[[str], str] | None = None
) -> str:
    """Return an answer; `wrong` says what cannot be right about one, and the question is asked again.

    `default` is what Enter answers, which may be nothing at all.
    """
    while True:
        shown = bool(default)
        answer: str = typer.prompt(f"  {question}", default=default, show_default=shown)
        answer = answer.strip()
        problem = wrong(answer) if wrong else ""
        if not problem:
            return answer
        note(problem)


def ask_secret(question: str, *, existing: str = "") -> str:
    """Return a secret that is typed unseen; Enter keeps the existing one."""
    kept = " (is set; Enter keeps it)" if existing else ""
    while True:
        answer: str = typer.prompt(
            f"  {question}{kept}", default="", show_default=False, hide_input=True
        )
        if answer.strip() or existing:
            return answer.strip() or existing
        note("nothing was typed (what you type or paste is not shown)")


def confirm(question: str, *, default: bool) -> bool:
    """Return yes or no."""
    return typer.confirm(f"  {question}", default=default)


def choose(
    question: str,
    choices: Mapping[str, str],
    *,
    default: str | None = None,
    none: str | None = None,
) -> str:
    """Return the key of a choice; `none` is how it is called to choose nothing, which is an empty text."""
    keys = [*choices, *([""] if none is not None else [])]
    names = [*choices.values(), *([none] if none is not None else [])]
    for number, name in enumerate(names, start=1):
        note(f"{number:>3}  {name}")
    usual = str(keys.index(default) + 1) if default in keys else ("1" if len(keys) == 1 else None)
    answer = ask(question, default=usual, wrong=lambda text: _wrong_numbers([text], keys))
    return keys[int(answer) - 1]


def choose_many(
    question: str, choices: Mapping[str, str], *, default: Collection[str] = ()
) -> list[str]:
    """Return the keys of any number of choices."""
    keys = list(choices)
    for number, name in enumerate(choices.values(), start=1):
        note(f"{number:>3}  {name}")
    usual = " ".join(str(keys.index(key) + 1) for key in default if key in keys)
    answer = ask(
        f"{question} (numbers, with spaces; 0: none)",
        default=usual or "0",
        wrong=lambda text: _wrong_numbers(text.split(), keys, least=0),
    )
    return [keys[int(part) - 1] for part in answer.split() if part != "0"]


def _wrong_numbers(texts: Collection[str], keys: Collection[str], *, least: int = 1) -> str:
    fits = texts and all(text.isdecimal() and least <= int(text) <= len(keys) for text in texts)
    return "" if fits else f"a number from {least} to {len(keys)}, please"
