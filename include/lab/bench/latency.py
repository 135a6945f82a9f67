"""`latency`: single webhooks, one after the other, from the POST until the row is seen processed."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.lab.bench.cast import check, play
from include.lab.bench.contender import post, wait_for
from include.lab.bench.quantiles import DIGITS, percentile

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.lab.bench.contender import Contender
    from include.lab.bench.sandbox import BenchSandbox
    from include.lab.bench.webhooks import Webhook

COUNT = 30
MIX = "half customer.subscription.updated of members synced before, half checkout.session.completed of new ones"
GAPS_SECONDS = (0.5, 2.0)  # a webhook comes at any moment of the scheduler's pauses
LOOK_SECONDS = 0.005
SEEN_CPU_SECONDS = 0.002  # of a webhook; what uses less is no part of an answer


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Webhooks one by one: the seconds of each, and the contender's CPU time meanwhile, in the pauses too."""

    samples: list[float]
    cpu_seconds: dict[str, float]  # by process

    def figures(self) -> dict[str, float]:
        """Return what one repetition says."""
        return {
            "p50": percentile(self.samples, 50),
            "p95": percentile(self.samples, 95),
            "cpu_seconds_per_event": sum(self.cpu_seconds.values()) / len(self.samples),
        }

    def cpu_each(self) -> dict[str, float]:
        """Return the CPU seconds of a webhook by process, of those that it is seen in."""
        each = {name: used / len(self.samples) for name, used in self.cpu_seconds.items()}
        return {name: one for name, one in each.items() if one >= SEEN_CPU_SECONDS}


def measure(
    contender: Contender,
    sandbox: BenchSandbox,
    *,
    seed: int,
    count: int = COUNT,
    tell: Callable[[int], None] = lambda _done: None,
) -> Latency:
    """Send `count` webhooks, each when the one before is done with."""
    scene = play(sandbox, contender, changes=count // 2, joins=count - count // 2, seed=seed)
    dice = random.Random(seed)  # noqa: S311 - pauses, not secrets
    samples, before = [], contender.cpu_seconds()
    for webhook in scene.webhooks:
        time.sleep(dice.uniform(*GAPS_SECONDS))
        samples.append(round(round_trip(contender, webhook), DIGITS))
        tell(len(samples))
    used = {name: now - before.get(name, 0) for name, now in contender.cpu_seconds().items()}
    check(sandbox, scene.expected, seed=seed)
    return Latency(
        samples=samples, cpu_seconds={name: round(one, DIGITS) for name, one in used.items()}
    )


def round_trip(contender: Contender, webhook: Webhook) -> float:
    """Send one webhook and return after how many seconds it was seen processed."""
    mark, request = contender.mark(), contender.request(webhook)
    started = time.monotonic()
    post(contender.port, request)
    ended = wait_for(contender, mark, 1, pause_seconds=LOOK_SECONDS)
    return ended - started
