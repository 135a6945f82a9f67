"""All of Airflow on one host: `python -m include.airflow_host`, what the service `airflow` of docker-compose.yaml runs.

This process becomes supervisor, which starts Airflow's processes, starts again what ends, and stops them one after
the other: the scheduler first, whose tasks may end and still report, the fork server last.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from include.airflow_host.processes import AIRFLOW
from include.airflow_host.supervision import program, section

OUTPUT: Final = "/dev/fd/1"  # ours: the container's log has what all of them say
RETRIES: Final = 1_000_000  # for ever; each pause is a second longer than the last: no outage of a night is the end


def configuration(python: str) -> str:
    """Return the text of `supervisord.conf`, for the folder that it is in."""
    programs = [
        program(
            one.name,
            one.command(python),
            priority=priority,
            startretries=RETRIES,
            stop_signal="INT",  # to the process alone, which ends its children in order
            stop_group=False,
            stopwaitsecs=one.stop_seconds,
            stdout_logfile=OUTPUT,
            stdout_logfile_maxbytes=0,  # it is no file that could be cut
        )
        for priority, one in enumerate(AIRFLOW)
    ]
    own = section("supervisord", nodaemon="true", logfile="/dev/null", logfile_maxbytes=0)
    return "\n".join([own, *programs])


def main() -> None:
    """Write supervisor's configuration into a folder of its own, and become supervisor there."""
    folder = Path(tempfile.mkdtemp(prefix="airflow-host-"))
    (folder / "supervisord.conf").write_text(configuration(sys.executable))
    os.chdir(folder)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", "supervisord.conf"]
    os.execv(sys.executable, command)  # noqa: S606 - ourselves


if __name__ == "__main__":
    main()
