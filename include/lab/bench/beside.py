"""Another commit's figures in turn with ours, so that the machine's moods hit both: what a change costs or saves."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from include.errors import CommandError
from include.lab.bench.quantiles import DIGITS
from include.lab.bench.report import BASELINE
from include.lab.stack.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from include.lab.bench.progress import Teller
    from include.lab.bench.report import Results

OURS = "ours"


def run(
    commit: str, options: Sequence[str], *, repetitions: int, folder: Path, tell: Teller
) -> Results:
    """Return the medians of ours and of `commit`'s, each measured by its own bench on a stack of its own.

    `options` are those of `./ops bench`. Raises CommandError where the commit is not known or its bench says no.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with checkout(commit, folder) as other:
        places = {OURS: ROOT, other.name: other}
        found: dict[str, list[Results]] = {name: [] for name in places}
        for number, _ in tell.steps("both commits", repetitions):
            for name, root in places.items():
                tell.say(f"{name}, {number} of {repetitions}")
                found[name].append(_measure(root, options, folder / f"{name}.{number}.json"))
    ours = medians(found[OURS]) | {"machine": found[OURS][0]["machine"]}
    return beside(ours, medians(found[other.name]), name=other.name)


@contextmanager
def checkout(commit: str, folder: Path, *, root: Path = ROOT) -> Iterator[Path]:
    """Give a checkout of a commit for the time of the block; it sets up its own packages."""
    name = commit_of(commit, root=root)
    path = folder / name
    _git(root, "worktree", "add", "--force", "--detach", str(path), name)
    try:
        yield path
    finally:
        _git(root, "worktree", "remove", "--force", str(path))


def commit_of(name: str, *, root: Path = ROOT) -> str:
    """Return the short id of a commit; raise CommandError where there is none of that name."""
    return _git(root, "rev-parse", "--short", f"{name}^{{commit}}")


def medians(results: Sequence[Results]) -> Results:
    """Return the median of each number that all of them have, in the same shape."""
    first, *others = results
    together: Results = {}
    for key, value in first.items():
        values = [value, *(one.get(key) for one in others)]
        if all(isinstance(one, dict) for one in values):
            together[key] = medians(values)
        elif all(isinstance(one, (int, float)) for one in values):
            together[key] = round(median(values), DIGITS)
        elif key == "failed":
            together[key] = value
    return together


def beside(ours: Results, other: Results, *, name: str) -> Results:
    """Return ours with the other's figures beside each of them."""
    return {BASELINE: name} | {key: _beside(value, other.get(key)) for key, value in ours.items()}


def _beside(ours: Any, other: Any) -> Any:
    if not isinstance(ours, dict) or not isinstance(other, dict):
        return ours
    inner = {key: _beside(value, other.get(key)) for key, value in ours.items()}
    numbers = {key: value for key, value in other.items() if not isinstance(value, dict)}
    return inner | ({BASELINE: numbers} if numbers else {})


def _measure(root: Path, options: Sequence[str], file: Path) -> Results:
    """Have a checkout measure itself once."""
    once = ("--no-plain", "--repetitions", "1", "--json", str(file))
    command = [str(root / "ops"), "bench", *options, *once]
    done = subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
    if not file.exists():
        raise CommandError(f"the bench of {root.name} ended with {done.returncode}")
    results: Results = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return results


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CommandError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
