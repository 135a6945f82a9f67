"""Airflow's processes on one host: which there are, and what starts each of them.

On Linux each is a fork of the one that has imported what all need; what is started is its stand-in (`fork_client.py`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HAS_FORK_SERVER: Final = sys.platform == "linux"  # macOS cannot fork what has used its frameworks
FORK_CLIENT: Final = Path(__file__).with_name("fork_client.py")  # a script: it imports nothing
FORK_SOCKET: Final = "fork.sock"  # in the folder where all of them are started


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process: what follows `python` on its command line, and how long its end may take."""

    name: str
    arguments: tuple[str, ...]
    stop_seconds: int  # then it is killed, with all that it has started

    def command(self, python: str) -> list[str]:
        """Return what starts it."""
        return [python, *self.arguments]


def _airflow(name: str, *options: str, stop_seconds: int) -> Process:
    stand_in = ("-I", "-S", str(FORK_CLIENT), FORK_SOCKET, name, *options)
    direct = ("-P", "-m", "airflow", name, *options)
    return Process(
        name=name,
        arguments=stand_in if HAS_FORK_SERVER else direct,
        stop_seconds=stop_seconds,
    )


FORK_SERVER: Final = Process(
    name="fork-server",
    arguments=("-P", "-m", "include.airflow_host.fork_server", FORK_SOCKET),
    stop_seconds=20,  # it waits for its forks, and ends those that do not
)

AIRFLOW: Final = (
    *((FORK_SERVER,) if HAS_FORK_SERVER else ()),
    _airflow("api-server", "--proxy-headers", stop_seconds=15),
    _airflow("dag-processor", stop_seconds=10),
    # Logs are read from the disk: a server for them in each of these two would cost 50 MiB each.
    _airflow("triggerer", "--skip-serve-logs", stop_seconds=10),
    _airflow("scheduler", "--skip-serve-logs", stop_seconds=60),  # tasks that run may end
)
"""In the order of their start; they are stopped in the opposite one: tasks can report until they have ended."""
