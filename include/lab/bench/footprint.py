"""`footprint`: memory of every process of the stack, and the CPU it takes while nothing happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.lab.bench.processes import cpu_seconds, memory

if TYPE_CHECKING:
    from include.lab.bench.processes import Memory

IDLE_SECONDS = 60  # `alert_rules` runs once in it


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """One repetition; sizes in MiB, CPU as share of one core."""

    memory: Memory
    idle_cpu: dict[str, float]  # by process

    @property
    def idle_cpu_share(self) -> float:
        """Return the CPU of all."""
        return sum(self.idle_cpu.values())

    def figures(self) -> dict[str, float]:
        """Return what one repetition says."""
        return {"pss_total": self.memory.total, "idle_cpu_share": self.idle_cpu_share}


def measure(stack_id: str, *, seconds: float = IDLE_SECONDS) -> Footprint:
    """Leave the stack alone for `seconds` and look at what it took."""
    before, started = cpu_seconds(stack_id), time.monotonic()
    time.sleep(seconds)
    after, passed = cpu_seconds(stack_id), time.monotonic() - started
    idle = {name: (used - before.get(name, 0)) / passed for name, used in after.items()}
    return Footprint(memory=memory(stack_id), idle_cpu=idle)
