"""What the shell that called us set: handed on to the processes that are started, read nowhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def inherited_environment() -> Mapping[str, str]:
    """Return the environment as it was given to us."""
    return os.environ  # noqa: TID251 - handed on, not read


def clean_environment() -> dict[str, str]:
    """Return it without what concerns another Python: paths of other projects, no byte code."""
    return {
        name: value
        for name, value in inherited_environment().items()
        if not (name.startswith("PYTHON") or name == "VIRTUAL_ENV")
    }


def become(environment: Mapping[str, str]) -> None:
    """Give this process another environment, as if it had been started with it."""
    os.environ.clear()  # noqa: TID251 - handed on, not read
    os.environ.update(environment)  # noqa: TID251 - same
