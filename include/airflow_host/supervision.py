"""What supervisor is told about the processes that it watches, on a laptop and in a container."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def section(name: str, **options: object) -> str:
    """Return one section; supervisor expands `%`, so ours are doubled."""
    lines = [f"{key}={str(value).replace('%', '%%')}" for key, value in options.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def program(
    name: str, command: Sequence[str], *, stop_signal: str, stop_group: bool, **options: object
) -> str:
    """Return the section of one process, which is started again whenever it ends by itself."""
    return section(
        f"program:{name}",
        command=shlex.join(command),
        autorestart="true",
        startsecs=2,
        stopsignal=stop_signal,
        stopasgroup=str(stop_group).lower(),
        killasgroup="true",
        redirect_stderr="true",
        **options,
    )
