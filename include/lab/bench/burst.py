"""`burst`: many webhooks at once, from the first POST until the last is seen processed, and right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.lab.bench.cast import check, play
from include.lab.bench.contender import wait_for
from include.lab.bench.errors import BenchError
from include.lab.bench.load import LoadPlan, generate
from include.vendors.mailchimp.client import MAX_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.lab.bench.contender import Contender
    from include.lab.bench.sandbox import BenchSandbox

SIZES = (200, 1000, 5000)  # 20,000 is a goal, too: `--burst 20000`
CONNECTIONS = 64
JOINS_OF_TEN = 1
MIX = (
    "distinct members: 90 % customer.subscription.updated of ones synced before (another tier), "
    "10 % checkout.session.completed of new ones (welcome)"
)
LOOK_SECONDS = 0.025
LOOK_SECONDS_EACH = 0.00005  # so often at 5,000 the looks alone would take a fifth of a core
SEND_SECONDS = 300  # at most, for all answers


@dataclass(frozen=True, kw_only=True)
class Burst:
    """One burst that went right."""

    seconds: float
    events_per_second: float
    cpu_seconds_per_event: float  # of the contender, without the load generator
    cpu_seconds: dict[str, float]  # of the whole burst, by process
    mailchimp_seconds: dict[str, float]  # by kind of call, over all connections; where it is slow

    def figures(self) -> dict[str, float]:
        """Return what one repetition says."""
        return {
            "seconds": self.seconds,
            "events_per_second": self.events_per_second,
            "cpu_seconds_per_event": self.cpu_seconds_per_event,
        }

    def parts(self) -> dict[str, float]:
        """Return the seconds of CPU, and what a slow Mailchimp takes, of the whole burst."""
        cpu = {f"CPU: {name}": seconds for name, seconds in self.cpu_seconds.items()}
        return cpu | self.mailchimp_seconds


def measure(
    contender: Contender,
    sandbox: BenchSandbox,
    size: int,
    *,
    seed: int,
    tell: Callable[[int], None] = lambda _done: None,
) -> Burst:
    """Send `size` webhooks at once; raise BenchError where what came of them is not right."""
    joins = size * JOINS_OF_TEN // 10
    scene = play(sandbox, contender, changes=size - joins, joins=joins, seed=seed)
    requests = [contender.request(webhook) for webhook in scene.webhooks]
    sandbox.forget_calls()
    violations, cpu, mark = sandbox.violations(), contender.cpu_seconds(), contender.mark()
    plan = LoadPlan(port=contender.port, connections=CONNECTIONS, seconds=SEND_SECONDS)
    outcome = generate(plan, requests).require_success()
    pause = max(LOOK_SECONDS, size * LOOK_SECONDS_EACH)
    ended = wait_for(contender, mark, size, pause_seconds=pause, tell=tell)
    used = {name: now - cpu.get(name, 0) for name, now in contender.cpu_seconds().items()}
    check(sandbox, scene.expected, seed=seed)
    if sandbox.violations() > violations:
        raise BenchError("calls did not fit the vendors' descriptions: see /_sandbox/violations")
    at_once = sandbox.highest_at_once()
    if at_once > MAX_CONNECTIONS:
        raise BenchError(f"{at_once} calls at once at Mailchimp, whose cap is {MAX_CONNECTIONS}")
    seconds = ended - outcome.first_sent_at
    return Burst(
        seconds=seconds,
        events_per_second=size / seconds,
        cpu_seconds_per_event=sum(used.values()) / size,
        cpu_seconds={name: round(seconds, 2) for name, seconds in used.items()},
        mailchimp_seconds=sandbox.mailchimp_seconds(),
    )
