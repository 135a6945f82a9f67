"""Examine what this process' environment is for: `python -m include.operate.doctor [--json] [--stand-ins]`.

For a container with a worker's and a relay's environment; `./ops doctor` starts it with that of the local stack.
`--stand-ins` says that vendors are expected to be the sandbox. Ends with 0 only if nothing failed.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import TYPE_CHECKING

from include.clock import SystemClock
from include.operate.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTIONS = {"--json", "--stand-ins"}


def main(arguments: Sequence[str]) -> int:
    """Look and tell; return the exit code."""
    if set(arguments) - OPTIONS:
        sys.exit(f"usage: python -m include.operate.doctor {' '.join(sorted(OPTIONS))}")
    has_stand_ins = "--stand-ins" in arguments
    with contextlib.redirect_stdout(io.StringIO()):  # packages say there what they think
        from include.operate.doctor import report  # noqa: PLC0415
        from include.operate.doctor.look import look  # noqa: PLC0415 - imports Airflow

        found = look(clock=SystemClock(), has_stand_ins=has_stand_ins)
    of = "the local stack" if has_stand_ins else "what the environment says"
    if "--json" in arguments:
        say(json.dumps(report.document(found, of=of), indent=1))
    else:
        report.show(found, of=of)
    return 0 if report.is_well(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
