"""A share of a core for a container, as Compose's `cpus` gives it: the kernel's control groups, of either version."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.production.container import Container

PERIOD_US = 100_000
V1, V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def limited(container: Container, cores: float) -> Iterator[None]:
    """Let a running container have no more than `cores` for the block; skip where it cannot be set."""
    try:
        group = _made(cores)
    except OSError as error:
        pytest.skip(f"no limit of CPU can be set here: {error}")
    try:
        # A parent comes before its children: whom it starts from now on is in the group.
        for process in container.processes():
            _move(process.pid, group)
        yield
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            _move(int(pid), group.parent)
        group.rmdir()


def _made(cores: float) -> Path:
    quota = round(cores * PERIOD_US)
    name = f"ops-{secrets.token_hex(4)}"
    if V1.is_dir():
        group = V1 / name
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
        return group
    (V2 / "cgroup.subtree_control").write_text("+cpu")
    group = V2 / name
    group.mkdir()
    (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    return group


def _move(pid: int, group: Path) -> None:
    """Put a process into a group; one that has just ended needs none."""
    with suppress(ProcessLookupError):
        (group / "cgroup.procs").write_text(str(pid))
