"""Where the stack keeps what: everything under `.ops/`, which git ignores."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from include.errors import CommandError

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of one stack; `root` is the checkout, `state` its folder for what it makes."""

    root: Path = ROOT
    state: Path = ROOT / ".ops"

    @property
    def python(self) -> str:
        """The Python that everything runs on."""
        return sys.executable

    @property
    def stack_file(self) -> Path:
        """Ports, credentials and secrets; mode 600."""
        return self.state / "stack.json"

    @property
    def prepared_file(self) -> Path:
        """What the databases were last prepared from."""
        return self.state / "prepared"

    @property
    def lock_file(self) -> Path:
        """Held by whoever starts or stops the stack."""
        return self.state / "stack.lock"

    @property
    def supervisor_conf(self) -> Path:
        """Supervisor's configuration, written anew at each start; mode 600."""
        return self.state / "supervisord.conf"

    @property
    def postgres_data(self) -> Path:
        """The embedded Postgres' data."""
        return self.state / "postgres"

    @property
    def airflow_home(self) -> Path:
        """Airflow's home; its task logs are in `logs/` there."""
        return self.state / "airflow"

    @property
    def logs(self) -> Path:
        """One log per process, and supervisor's own."""
        return self.state / "logs"

    @property
    def supervisor_log(self) -> Path:
        """What supervisor started and what ended; `history` reads it."""
        return self.logs / "supervisord.log"

    def log_of(self, process: str) -> Path:
        """Return the log of one process."""
        return self.logs / f"{process}.log"

    def make(self) -> None:
        """Make the folders that are missing, for our eyes only."""
        try:
            for folder in (self.state, self.logs, self.airflow_home):
                folder.mkdir(parents=True, exist_ok=True)
            self.state.chmod(0o700)
        except OSError as error:
            raise CommandError(f"cannot write to {self.state}: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text`, whole or not at all, readable by its owner only."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
