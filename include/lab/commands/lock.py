"""`./ops lock`: pin what `requirements.txt` names, for all who work here and for the image."""

from __future__ import annotations

import re
import subprocess
from typing import Annotated

import typer

from include.errors import CommandError
from include.lab.stack.layout import ROOT, Layout
from include.operate.terminal import say

OLDEST_PYTHON = "3.11"
IMAGE_PYTHON = "3.12"
NOT_IN_THE_IMAGE = (
    "# --- the local stack"  # the head in requirements.txt from which on it is for us alone
)
OPTIONS = (
    "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
    "--no-emit-find-links", "--quiet",
)  # fmt: skip


def command(
    *,
    upgrade: Annotated[
        bool, typer.Option(help="Take the newest versions that the requirements allow.")
    ] = False,
) -> None:
    """Write requirements.lock and deploy/requirements.lock anew, with hashes; the image gets what the tests have."""
    newest = ["--upgrade"] if upgrade else []
    _compile(
        "requirements.lock", ["requirements.txt", f"--python-version={OLDEST_PYTHON}", *newest]
    )
    image = ["-", "deploy/requirements.txt", f"--python-version={IMAGE_PYTHON}"]
    _compile(
        "deploy/requirements.lock",
        [*image, "--constraint=requirements.lock", *newest],
        given=product_of((ROOT / "requirements.txt").read_text()),
    )
    say("ops: both locks are written; ./ops installs requirements.lock at its next start")


def product_of(requirements: str) -> str:
    """Return the lines of requirements.txt that the image needs: down to the local stack, without pytest."""
    product = requirements.partition(NOT_IN_THE_IMAGE)[0]
    return re.sub(r"(?m)^pytest\b.*$", "", product)


def _compile(lock: str, arguments: list[str], *, given: str = "") -> None:
    compile_lock = [
        Layout().python,
        "-m",
        "uv",
        "pip",
        "compile",
        *OPTIONS,
        f"--output-file={lock}",
    ]
    done = subprocess.run(  # noqa: S603
        [*compile_lock, *arguments], cwd=ROOT, input=given, text=True, check=False
    )
    if done.returncode:
        raise CommandError(f"{lock} was not written; the reason is above")
