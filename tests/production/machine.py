"""A machine of our own for containers without Docker: Linux namespaces with a bridge, ended as a whole.

Its first process holds a mount, a network and a process namespace. Whatever runs in it dies with that process, which
dies with the tests, however these end; nothing of it is on the real machine's file system or network.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMESPACES = ("--mount", "--net", "--pid")
TOOLS = ("unshare", "nsenter", "setpriv", "ip", "chroot", "curl", "dumb-init", "tini")
NETWORK, GATEWAY = "10.88.0", "10.88.0.1"
CLONE_NEWNET = 0x40000000
SET_UP = f"""
mount --make-rprivate /
mount -t tmpfs -o mode=755 containers "$0"
mount -t tmpfs -o mode=755 run /run
ip link set lo up
ip link add bridge type bridge
ip addr add {GATEWAY}/24 dev bridge
ip link set bridge up
"""
TRIAL = """
mount --make-rprivate / && mount -t tmpfs run /run && cd /run && mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work root root
ip link add bridge type bridge && ip link add veth type veth peer name eth0
"""


def missing(programs: Sequence[str] = ()) -> str:
    """Return why containers cannot be played here, and what to do about it; "" where they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "containers are played with Linux namespaces, which needs Linux and root"
    if absent := [name for name in (*TOOLS, *programs) if not shutil.which(name)]:
        packages = " ".join(PACKAGES.get(name, name) for name in absent)
        return f"not installed: {', '.join(absent)} (Debian: apt-get install -y {packages})"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "sh", "-euc", TRIAL],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"containers are not possible here: {tried.stderr.strip()}" if tried.returncode else ""


PACKAGES = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "chroot": "coreutils",
}


class Machine:
    """The namespaces; `folder` is a file system of its own there, in memory."""

    def __init__(self, folder: Path) -> None:
        """Start it; `folder` must be there, and stays empty on the real machine."""
        self.folder = folder
        self._first = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc",
             "sleep", "infinity"], stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert until(lambda: child_of(self._first.pid) is not None, 10), "no namespace came up"
        self.pid = child_of(self._first.pid)
        self.run("sh", "-euc", SET_UP, str(folder))
        self._hosts = 1

    @property
    def root(self) -> Path:
        """The machine's files, as seen from here."""
        return Path(f"/proc/{self.pid}/root")

    def path(self, path: Path) -> Path:
        """Return where a file of the machine is seen from here."""
        return self.root / path.relative_to("/")

    def entering(self, *, net: str = "") -> list[str]:
        """Return what is put before a command to run it there, or in one of its networks."""
        other = [f"--net={self.root}/run/netns/{net}"] if net else ["--net"]
        return ["/usr/bin/nsenter", f"--target={self.pid}", "--mount", "--pid", *other]

    def run(self, *command: str) -> None:
        """Run a command there; raise CalledProcessError with what it said where it fails."""
        done = subprocess.run(
            [*self.entering(), *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])} …: {done.stderr.strip()}")

    def add_host(self, name: str) -> str:
        """Make a network namespace of this name, linked to the bridge; return its address."""
        self._hosts += 1
        address = f"{NETWORK}.{self._hosts}"
        link = f"veth{self._hosts}"
        self.run(
            "sh", "-euc",
            'ip netns add "$0"; ip link add "$1" type veth peer name eth0 netns "$0";'
            'ip link set "$1" master bridge up; ip -n "$0" addr add "$2/24" dev eth0;'
            'ip -n "$0" link set lo up; ip -n "$0" link set eth0 up',
            name, link, address,
        )  # fmt: skip
        return address

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread, and what it starts, use the machine's network instead of the real one's for the block."""
        with Path("/proc/thread-self/ns/net").open() as home:
            _set_network(f"/proc/{self.pid}/ns/net")
            try:
                yield
            finally:
                _set_network(f"/proc/self/fd/{home.fileno()}")

    def end(self) -> None:
        """End all that runs there."""
        self._first.kill()
        self._first.wait(timeout=10)


def _set_network(path: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(path).open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")


def child_of(pid: int) -> int | None:
    """Return the only child of a process, None while it has none or is gone."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None
