"""`./ops rotate`: change a secret step by step, without a webhook that is refused."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from include.errors import CommandError
from include.interview.env_file import EnvFile
from include.operate.setup.rotations import ROTATIONS, go_to, under_way
from include.operate.terminal import say


def command(
    name: Annotated[str | None, typer.Argument(help="Which; without it they are listed.")] = None,
    *,
    file: Annotated[Path, typer.Option("--file", help="The deployment's .env.")] = Path(".env"),
    go_on: Annotated[
        bool, typer.Option("--next", help="The lines of the last step were run: go on.")
    ] = False,
) -> None:
    """Change a secret: .env step by step, and which lines to run after each, in which order."""
    env = _env(file.absolute())
    if name is None:
        _list(env)
        return
    if name not in ROTATIONS:
        raise CommandError(f"no secret {name}: there are {', '.join(ROTATIONS)}")
    step = under_way(env).get(name, 0)
    if go_on and not step:
        raise CommandError(f"{name} is not being rotated: start with ./ops rotate {name}")
    if go_on or not step:
        step = _step(step + 1, name, env)
    _show(step, name, env)


def _env(path: Path) -> EnvFile:
    env = EnvFile(path)
    if not path.is_file():
        raise CommandError(f"{path} is not there: ./ops init writes it")
    if env.draft.is_file():
        raise CommandError(
            f"{env.draft} has answers of an unfinished start: finish ./ops init, or delete it"
        )
    return env


def _step(step: int, name: str, env: EnvFile) -> int:
    try:
        go_to(step, name, env)
    except (KeyboardInterrupt, typer.Abort):
        env.draft.unlink(missing_ok=True)  # what was asked for this step only
        say("\nops: stopped; nothing was changed", out=sys.stderr)
        raise typer.Exit(128 + signal.SIGINT) from None
    return step


def _show(step: int, name: str, env: EnvFile) -> None:
    """Say where it is, and what to run now."""
    rotation = ROTATIONS[name]
    if step > len(rotation.steps):
        say(f"ops: {name} is rotated")
        return
    one, more = rotation.steps[step - 1], f"./ops rotate {name} --next"
    say(f"ops: {name}, step {step} of {len(rotation.steps)}: {one.says}; {env.path} has it")
    say(
        f"Meanwhile: {rotation.meanwhile}. Run these, one after the other; each may be run again:\n"
    )
    for line in rotation.lines(step, env):
        say(f"  {line}")
    say(f"  {more}")


def _list(env: EnvFile) -> None:
    now = under_way(env)
    width = max(map(len, ROTATIONS))
    for name, rotation in ROTATIONS.items():
        if not env.get(rotation.variable):
            how = "not used"
        elif name in now:
            how = f"step {now[name]} of {len(rotation.steps)} is done: {rotation.steps[now[name] - 1].says}"
        else:
            how = f"{len(rotation.steps)} step{'s' if len(rotation.steps) > 1 else ''}"
        say(f"{name:<{width}}  {how}")
