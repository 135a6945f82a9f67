"""Become one process of the stack: `python -m include.lab.stack.launch relay`.

Supervisor starts every process through this, so its configuration holds no secret and nothing that
would have to be quoted. What a crashed predecessor has left (Airflow's scheduler leaves its workers)
is ended first: nothing runs twice.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from include.lab.shell import inherited_environment
from include.lab.stack import family
from include.lab.stack.layout import Layout
from include.lab.stack.programs import PROGRAMS, base_environment
from include.lab.stack.stack import load_stack


def main(name: str, state: str) -> None:
    """Replace this process by the program `name` of the stack kept in the folder `state`."""
    layout = Layout(state=Path(state))
    stack = load_stack(layout.stack_file)
    if stack is None:
        sys.exit(f"there is no stack in {state}")
    for orphan in family.members(stack.id, role=name):
        with suppress(psutil.Error):
            orphan.kill()
    program = PROGRAMS[name]
    command = program.command(layout, stack)
    environment = base_environment(inherited_environment(), layout, stack)
    environment |= {family.ROLE: name, **program.environment(layout, stack)}
    os.execvpe(command[0], command, environment)  # noqa: S606 - the table of programs is ours


if __name__ == "__main__":
    main(*sys.argv[1:])
