"""Which ports the stack listens on: the ones that were asked for, or free ones."""

from __future__ import annotations

import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

from include.lab.stack.stack import HOST, Ports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def is_free(port: int) -> bool:
    """Tell whether nobody listens on `port` of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def any_free(taken: set[int]) -> int:
    """Return a port that the system gives, none of `taken`."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def choose(
    wanted: Mapping[str, int], kept: Ports, *, free: Callable[[int], bool] = is_free
) -> tuple[Ports, list[str]]:
    """Return a port for each process, and a line for each that is not the wanted one.

    First the wanted port, then the one of the last start, then any that is free.
    """
    chosen: dict[str, int] = {}
    said = []
    for name, last in asdict(kept).items():
        candidates = [port for port in (wanted.get(name, 0), last) if port]
        usable = [port for port in candidates if port not in chosen.values() and free(port)]
        chosen[name] = usable[0] if usable else any_free(set(chosen.values()))
        if name in wanted and chosen[name] != wanted[name]:
            said.append(f"port {wanted[name]} is taken: {name} uses {chosen[name]} instead")
    return Ports(**chosen), said
