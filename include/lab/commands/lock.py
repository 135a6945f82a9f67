"""`./ops lock`: pin what `requirements.txt` names."""

from __future__ import annotations

import subprocess
from typing import Annotated

import typer

from include.lab.stack.layout import ROOT, Layout
from include.operate.errors import CommandError
from include.operate.terminal import say

OLDEST_PYTHON = "3.11"


def command(
    *,
    upgrade: Annotated[
        bool, typer.Option(help="Take the newest versions that requirements.txt allows.")
    ] = False,
) -> None:
    """Write requirements.lock anew from requirements.txt: one lock, with hashes, for every Python."""
    options = [
        "--universal", f"--python-version={OLDEST_PYTHON}", "--generate-hashes", "--no-header",
        "--no-annotate", "--no-emit-index-url", "--quiet", "--output-file=requirements.lock",
    ]  # fmt: skip
    if upgrade:
        options.append("--upgrade")
    compile_lock = [Layout().python, "-m", "uv", "pip", "compile", "requirements.txt", *options]
    if subprocess.run(compile_lock, cwd=ROOT, check=False).returncode:  # noqa: S603
        raise CommandError("requirements.lock was not written; the reason is above")
    say("ops: requirements.lock is written; ./ops installs it at its next start")
