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
    idle_cpu_share: float

    def figures(self) -> dict[str, float]:
        """Return what one repetition says."""
        return {"pss_total": self.memory.total, "idle_cpu_share": self.idle_cpu_share}


def measure(stack_id: str, *, seconds: float = IDLE_SECONDS) -> Footprint:
    """Leave the stack alone for `seconds` and look at what it took."""
    used, started = sum(cpu_seconds(stack_id).values()), time.monotonic()
    time.sleep(seconds)
    share = (sum(cpu_seconds(stack_id).values()) - used) / (time.monotonic() - started)
    return Footprint(memory=memory(stack_id), idle_cpu_share=share)
