"""From a fresh checkout to `.ops/venv`, with the standard library only; then over to `include.lab`.

A marker written last says which lock and which Python the environment was made from: while it is
true a start costs a hash of the lock. Without it whatever is there is an interrupted set-up and is
made anew. Every failure is one line that says what to do.

`uv` does the work (ten seconds instead of minutes); `pip` fetches it and steps in where it cannot.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from include.lab.installer import SetupError, install
from include.lab.shell import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FREE_SPACE_NEEDED = 2 * 1024**3  # the environment takes 0.8 GiB, its downloads as much again


def main(root: str, arguments: Sequence[str]) -> str:
    """Set up what is missing and become `python -m include.lab`; return what went wrong instead."""
    try:
        python = ready_python(Path(root))
    except SetupError as error:
        return f"ops: {error}"
    return hand_over(python, Path(root), arguments)


def hand_over(python: Path, root: Path, arguments: Sequence[str]) -> NoReturn:
    """Replace this process; `-P` keeps the folder it is called from out of the import path."""
    command = [str(python), "-P", "-m", "include.lab", *arguments]
    os.execve(python, command, {**clean_environment(), "PYTHONPATH": str(root)})  # noqa: S606


def ready_python(root: Path) -> Path:
    """Return the environment's Python, made first if it does not stand; raise SetupError."""
    state = root / ".ops"
    python = state / "venv" / "bin" / "python"
    wanted = marker(root / "requirements.lock")
    if is_current(state, wanted):
        return python
    with exclusive(state):
        if not is_current(state, wanted):
            build(root, state)
            _write_marker(state, wanted)
    return python


def marker(lock: Path) -> dict[str, str]:
    """Say what an environment is made from: the lock's hash and the Python's version."""
    try:
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(f"cannot read {lock}: {error.strerror}") from error
    return {"lock_sha256": digest, "python": "{}.{}".format(*sys.version_info)}


def is_current(state: Path, wanted: dict[str, str]) -> bool:
    """Tell whether the environment stands, is whole, and is the wanted one."""
    try:
        found = json.loads((state / "setup.json").read_bytes())
    except (OSError, ValueError):
        return False
    return bool(found == wanted) and (state / "venv" / "bin" / "python").exists()


def build(root: Path, state: Path) -> None:
    """Make the environment from nothing."""
    check_machine(root)
    (state / "setup.json").unlink(missing_ok=True)
    shutil.rmtree(state / "venv", ignore_errors=True)
    try:
        install(root, state)
    except OSError as error:
        raise SetupError(f"cannot write {error.filename or state}: {error.strerror}") from error


def check_machine(root: Path) -> None:
    """Find out what would fail in the middle; raise SetupError."""
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        raise SetupError(
            f"this Python ({sys.executable}) comes without its venv module: "
            "run `apt install python3-venv` and start again"
        )
    free = shutil.disk_usage(root).free
    if free < FREE_SPACE_NEEDED:
        raise SetupError(
            f"the disk of {root} has {free / 1024**3:.1f} GiB free and the set-up needs 2 GiB: "
            "make room and start again"
        )


@contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Let one `./ops` set up at a time; the others wait and then find it done."""
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        lock = (state / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"cannot write to {state}: {error.strerror}; the checkout must be in a folder of yours"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("ops: another ./ops is setting up; waiting for it", file=sys.stderr)  # noqa: T201
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_marker(state: Path, wanted: dict[str, str]) -> None:
    """Write it whole or not at all."""
    fresh = state / "setup.json.new"
    fresh.write_text(json.dumps(wanted))
    fresh.replace(state / "setup.json")
