"""`./ops demo`: start the stack, play the stories, show what happened when."""

from __future__ import annotations

import json
import random
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from include.errors import CommandError
from include.lab.commands.up import addresses
from include.lab.demo.play import play_all, summary
from include.lab.demo.show import closing, show
from include.lab.demo.stories import ON_DEMAND, SECONDS, STORIES
from include.lab.stack import lifecycle
from include.operate.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.lab.demo.play import Scenario, ScenarioReport
    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack


def command(
    *,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop the stack afterwards, if this started it.")
    ] = False,
    story: Annotated[
        list[str] | None,
        typer.Option("--story", metavar="NAME", help="Play this one; may be repeated."),
    ] = None,
    shuffle: Annotated[
        int | None, typer.Option("--shuffle", metavar="SEED", help="Play them in another order.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the outcome to FILE too.")
    ] = None,
) -> None:
    """Play the stories with signed webhooks; succeed only if every one ends as it should."""
    stories = chosen(story or [], shuffle)
    at = lifecycle.layout()
    with stack_for_demo(at, leave=leave) as stack:
        reports = play_and_show(stack, stories, Console(highlight=False))
        if json_file is not None:
            write(json_file, reports)
    if lifecycle.running(at):
        say(f"\nops: the stack is up; ./ops down stops it\n{addresses(at, stack)}")
    raise typer.Exit(0 if summary(reports)["ok"] else 1)


def chosen(names: Sequence[str], seed: int | None) -> list[Scenario]:
    """Return the stories of these names, or all that are quick, in their order or in that of the seed.

    Raises CommandError for a name that no story has.
    """
    known = {one.__name__: one for one in (*STORIES, *ON_DEMAND)}
    if unknown := [name for name in names if name not in known]:
        raise CommandError(f"no story is called {unknown[0]}; there are {', '.join(known)}")
    stories = [known[name] for name in names] or list(STORIES)
    if seed is not None:
        random.Random(seed).shuffle(stories)  # noqa: S311 - an order, no secret
    return stories


@contextmanager
def stack_for_demo(at: Layout, *, leave: bool) -> Iterator[Stack]:
    """Give the running stack, started if need be; one that was up before stays up in any case."""
    was_up = lifecycle.running(at) is not None
    stack = lifecycle.up(at, tied=leave)
    ended_well = False
    try:
        yield stack
        ended_well = True
    finally:
        if not was_up and (leave or not ended_well):
            lifecycle.down(at)


def play_and_show(
    stack: Stack, stories: Sequence[Scenario], console: Console
) -> list[ScenarioReport]:
    """Play stories and print each as it ends, with what is left to be played."""
    reports: list[ScenarioReport] = []
    for report in play_all(stack, stories):
        show(report, console)
        reports.append(report)
        console.print(remaining(stories[len(reports) :]), style="dim")
    console.print(closing(reports))
    return reports


def remaining(stories: Sequence[Scenario]) -> str:
    """Return how many stories are left, and how long they take on a quiet machine."""
    if not stories:
        return ""
    minutes = sum(SECONDS.get(one.__name__, 1) for one in stories) / 60
    return f"        {len(stories)} more, about {minutes:.1f} minutes"


def write(path: Path, reports: list[ScenarioReport]) -> None:
    """Write the outcome as JSON; raise CommandError where that is not possible."""
    try:
        path.write_text(json.dumps(summary(reports), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
