"""Each figure as medians over its repetitions, with the raw values and the mix beside them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import httpx
import psycopg

from include.lab.bench import burst, footprint, ingest, latency, search, sleepers
from include.lab.bench.errors import BenchError
from include.lab.bench.quantiles import medians

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.lab.bench.contender import Contender
    from include.lab.bench.progress import Teller
    from include.lab.bench.report import Results
    from include.lab.bench.sandbox import BenchSandbox
    from include.lab.bench.sleepers import Sleepers, SleepersPlan
    from include.lab.stack.stack import Stack

WARM_UPS = 4  # webhooks before the first that counts: the first tasks after a start take longer
EXPECTED = (BenchError, httpx.HTTPError, psycopg.Error, OSError)


def attempt(measure: Callable[[], Results]) -> Results:
    """Return what was measured, or, as `failed`, why it could not be."""
    try:
        return measure()
    except EXPECTED as error:
        return {"failed": f"{type(error).__name__}: {error}"}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """How to measure; seeds count from 1, so that every run sends the same in the same order."""

    sandbox: BenchSandbox
    repetitions: int
    tell: Teller

    def latency(self, contender: Contender) -> Results:
        """Return p50 and p95 of single webhooks, and the CPU time of each."""
        latency.measure(contender, self.sandbox, seed=0, count=WARM_UPS)
        found = [
            latency.measure(contender, self.sandbox, seed=number, tell=told)
            for number, told in self.tell.steps(
                f"{contender.name}: latency", self.repetitions, latency.COUNT
            )
        ]
        figures = medians([one.figures() for one in found])
        return {
            **figures,
            "cpu_each": found[-1].cpu_each(),
            "mix": latency.MIX,
            "repetitions": [asdict(one) for one in found],
        }

    def bursts(self, contender: Contender, sizes: tuple[int, ...]) -> Results:
        """Return each size's figures; one size that fails does not stop the others."""
        latency.measure(contender, self.sandbox, seed=0, count=WARM_UPS)
        return {str(size): attempt(lambda s=size: self._burst(contender, s)) for size in sizes}  # type: ignore[misc]

    def _burst(self, contender: Contender, size: int) -> Results:
        found = [
            burst.measure(contender, self.sandbox, size, seed=number, tell=told)
            for number, told in self.tell.steps(
                f"{contender.name}: burst of {size}", self.repetitions, size
            )
        ]
        figures = medians([one.figures() for one in found])
        return {
            **figures,
            "cpu_each": {name: one / size for name, one in found[-1].cpu_seconds.items()},
            "parts": found[-1].parts(),
            "mix": burst.MIX,
            "repetitions": [asdict(one) for one in found],
        }

    def ingest(self, product: Contender) -> Results:
        """Return how many webhooks are acknowledged a second, and how soon at a steady pace."""
        found = [ingest.measure(product) for _ in self.tell.steps("ingest", self.repetitions)]
        figures = medians([one.figures() for one in found])
        return {**figures, "mix": ingest.MIX, "repetitions": [asdict(one) for one in found]}

    def sleepers(self, them: Sleepers, plan: SleepersPlan) -> Results:
        """Return what planned ends cost; once, for a repetition takes minutes."""
        latency.measure(them.contender, self.sandbox, seed=0, count=WARM_UPS)
        return sleepers.summary(sleepers.measure(them, self.sandbox, plan, tell=self.tell))

    def search(self, stack: Stack) -> Results:
        """Return how soon the console has found something among a million events, and shows it."""
        self.tell.say(f"search: {search.EVENTS:,} events are made")
        with search.database(stack) as url:
            found = [
                search.measure(url, seed=number)
                for number, _ in self.tell.steps("search", self.repetitions)
            ]
        repetitions = [search.figures(one) for one in found]
        return {**medians(repetitions), "mix": search.MIX, "repetitions": repetitions}

    def footprint(self, stack_id: str) -> Results:
        """Return memory and idle CPU; by process both are those of the last look."""
        steps = self.tell.steps("footprint", self.repetitions)
        found = [footprint.measure(stack_id) for _ in steps]
        return {
            **medians([one.figures() for one in found]),
            "pss": found[-1].memory.pss,
            "idle_cpu": found[-1].idle_cpu,
            "processes": found[-1].memory.processes,
            "repetitions": [one.figures() for one in found],
        }
