"""`airflow db clean`: Airflow's own way to remove what is old from its tables.

A task may not touch Airflow's database, so the command runs as a process of its own, with the database's
address in its environment, where no list of processes shows it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from include.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
TABLE = re.compile(r"^Checking table (?P<table>\w+)$")
FOUND = re.compile(r"^Found (?P<count>\d+) rows meeting deletion criteria\.$")
BATCH_ROWS = 10_000


class AirflowCommandError(OpsError):
    """Airflow's command did not do what was asked."""


class AirflowCommand:
    """Runs `airflow` against one metadata database."""

    def __init__(self, environment: Mapping[str, str], *, database_url: str) -> None:
        """Take the environment that Airflow runs in, and the SQLAlchemy address of its database."""
        self._environment = {**environment, DATABASE: database_url}

    def clean(
        self,
        tables: Sequence[str],
        *,
        before: datetime,
        exclude_dags: Sequence[str],
        dry_run: bool,
        timeout_seconds: float,
    ) -> dict[str, int]:
        """Remove rows older than `before`, those of these DAGs excepted; return how many per table.

        Raises AirflowCommandError where a table could not be cleaned or the time is over.
        """
        command = [
            *(sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"),
            *("--error-on-cleanup-failure", "--batch-size", str(BATCH_ROWS)),
            *("--clean-before-timestamp", before.isoformat(), "--tables", ",".join(tables)),
        ]
        if exclude_dags:
            command += ["--exclude-dag-ids", ",".join(exclude_dags)]
        if dry_run:
            command.append("--dry-run")
        return counts_from(self._run(command, timeout_seconds))

    def _run(self, command: list[str], timeout_seconds: float) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the command is ours
                command,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AirflowCommandError(
                f"`airflow db clean` was not done after {timeout_seconds:.0f} s; the rest is for next night"
            ) from None
        if done.returncode:
            # Its output may quote the database's address; the kind of error is enough to look further.
            kinds = sorted(set(re.findall(r"\b[A-Z]\w+(?:Error|Exception)\b", done.stderr)))
            raise AirflowCommandError(
                f"`airflow db clean` ended with {done.returncode} ({', '.join(kinds) or 'no error named'})"
            )
        return done.stdout


def counts_from(output: str) -> dict[str, int]:
    """Return how many rows per table the command found, and removed unless it ran dry."""
    counts: dict[str, int] = {}
    table = ""
    for line in output.splitlines():
        if match := TABLE.match(line.strip()):
            table = match["table"]
        elif (match := FOUND.match(line.strip())) and table:
            counts.setdefault(table, int(match["count"]))
    return counts
