"""`ingest`: webhooks that are verified and stored and start no job: how many a second, how soon answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.clock import SystemClock
from include.lab.bench.load import LoadPlan, generate
from include.lab.bench.quantiles import percentile
from include.lab.bench.webhooks import NO_JOB, without_a_job

if TYPE_CHECKING:
    from include.lab.bench.contender import Contender

CONNECTIONS = 64
SECONDS = 20
MOST_PER_SECOND = 2000  # more than two cores can take; the requests are made ahead
STEADY_RATE = 100
MIX = (
    f"half Stripe's {NO_JOB['stripe']}, half Clerk's {NO_JOB['clerk']}, each with an id of its own"
)


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """One repetition; times in seconds."""

    acknowledged_per_second: float
    p50_at_100: float
    p99_at_100: float
    generator_cpu_share: float  # of one core, at full speed: what the generator took away

    def figures(self) -> dict[str, float]:
        """Return what one repetition says."""
        return {
            "acknowledged_per_second": self.acknowledged_per_second,
            "p50_at_100": self.p50_at_100,
            "p99_at_100": self.p99_at_100,
        }


def measure(contender: Contender, *, seconds: float = SECONDS) -> Ingest:
    """Send at full speed, then at a steady rate; raise BenchError where an answer is no success."""
    flood = LoadPlan(port=contender.port, connections=CONNECTIONS, seconds=seconds)
    full = generate(flood, _requests(contender, round(seconds * MOST_PER_SECOND))).require_success()
    slow = LoadPlan(port=contender.port, connections=CONNECTIONS, seconds=seconds, rate=STEADY_RATE)
    steady = generate(slow, _requests(contender, round(seconds * STEADY_RATE))).require_success()
    return Ingest(
        acknowledged_per_second=len(full.latencies) / full.seconds,
        p50_at_100=percentile(steady.latencies, 50),
        p99_at_100=percentile(steady.latencies, 99),
        generator_cpu_share=full.cpu_seconds / full.seconds,
    )


def _requests(contender: Contender, count: int) -> list[bytes]:
    now = SystemClock().now()
    return [contender.request(without_a_job(number, now)) for number in range(count)]
