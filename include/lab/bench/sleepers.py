"""`sleepers`: ends that are planned and not due: what they cost, and how late those are that come all at once.

Measured without them and with them, on the same stack and one after the other: single webhooks (`latency`),
memory and CPU of the idle stack. Then some ends that fall due in one and the same second, beside the sleepers.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from include.clock import SystemClock
from include.lab.bench import footprint, latency
from include.lab.bench.errors import BenchError
from include.lab.bench.quantiles import DIGITS, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from include.lab.bench.contender import Contender
    from include.lab.bench.footprint import Footprint
    from include.lab.bench.progress import Teller
    from include.lab.bench.sandbox import BenchMember, BenchSandbox

COUNT = 10_000
MIX = (
    "ends of memberships at moments of the next year, each with its own run in Airflow; beside them ends that "
    "customers plan for one second a minute ahead"
)
AHEAD = timedelta(seconds=60)  # when those that come at once are planned
LATEST_SECONDS = 300  # after their second; then they are not late but lost
LOOK_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class SleepersPlan:
    """How much of everything."""

    count: int = COUNT
    due: int = 1000
    webhooks: int = 20  # without the sleepers, and as many beside them
    idle_seconds: float = 20


class Sleepers(Protocol):
    """Planned ends at the product, or at plain Airflow."""

    stack_id: str

    @property
    def contender(self) -> Contender:
        """Where their webhooks go."""
        ...

    def enrol(self, count: int) -> None:
        """Make members, whose ends are planned later: how many there are must not be what is measured."""
        ...

    def plan(self) -> None:
        """Plan the ends of these members; their runs are made from now on."""
        ...

    def asleep(self) -> int:
        """Count the runs that wait as they will until their moment."""
        ...

    def plan_due(self, members: Sequence[BenchMember], at: datetime) -> None:
        """Plan the ends of members whose subscriptions Stripe ends at that moment."""
        ...

    def ended(self, members: Sequence[BenchMember]) -> list[EndTimes]:
        """Return when these members' ends were carried out, of those that were."""
        ...

    def parts(self, members: Sequence[BenchMember], at: datetime) -> dict[str, float]:
        """Return the seconds from that moment to the last of these ends, by what they went into; empty where untold."""
        ...

    def clear(self) -> None:
        """Take all of them and their runs away."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EndTimes:
    """When an end was carried out: the membership closed, and everything done that follows from it."""

    closed_at: datetime
    done_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DueAtOnce:
    """Ends of one second: when each was carried out, and what took the time until the last one was."""

    at: datetime
    ended: list[EndTimes]
    parts: dict[str, float]  # seconds of the run that ended last, and of CPU by process

    def figures(self) -> dict[str, object]:
        """Return the figures as `--json` has them."""
        done = lags([one.done_at for one in self.ended], self.at)
        closed = lags([one.closed_at for one in self.ended], self.at)
        return {
            "due": len(self.ended),
            "due_lag_p50": round(percentile(done, 50), DIGITS),
            "due_lag_p95": round(percentile(done, 95), DIGITS),
            "due_closed_p95": round(percentile(closed, 95), DIGITS),
            "due_earliest": round(min(closed), DIGITS),
            "due_parts": {name: round(seconds, DIGITS) for name, seconds in self.parts.items()},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class StackState:
    """How the stack is, without the sleepers or with them."""

    latencies: list[float]
    footprint: Footprint


@dataclass(frozen=True, kw_only=True, slots=True)
class SleepersResult:
    """What was measured."""

    count: int
    create_seconds: float
    create_cpu_seconds: float
    without: StackState
    beside: StackState
    due: DueAtOnce

    def figures(self) -> dict[str, object]:
        """Return the figures as `--json` has them; a size is of one sleeper, in KiB.

        Postgres is told apart: what it takes is its cache, which has a bound however many there are.
        """
        p50 = [percentile(state.latencies, 50) for state in (self.without, self.beside)]
        idle = [state.footprint.idle_cpu_share for state in (self.without, self.beside)]
        pss = [state.footprint.memory.pss for state in (self.without, self.beside)]
        cpu = [state.footprint.idle_cpu for state in (self.without, self.beside)]
        by_name = _added(*pss)
        added = sum(by_name.values())
        return {
            "count": self.count,
            "create_seconds": round(self.create_seconds, 1),
            "create_cpu_seconds_each": round(self.create_cpu_seconds / self.count, DIGITS),
            "pss_each_kib": round(added * 1024 / self.count, 3),
            "pss_each_kib_beside_postgres": round(
                (added - by_name.get("postgres", 0)) * 1024 / self.count, 3
            ),
            "pss_added_mib": {name: round(size, 1) for name, size in by_name.items()},
            "idle_cpu_share": {"without": round(idle[0], DIGITS), "with": round(idle[1], DIGITS)},
            "idle_cpu_added": round(idle[1] - idle[0], DIGITS),
            "idle_cpu_added_by": {name: round(one, DIGITS) for name, one in _added(*cpu).items()},
            "latency_p50": {"without": p50[0], "with": p50[1]},
            "latency_ratio": round(p50[1] / p50[0], 3),
            "webhooks": len(self.beside.latencies),
            **self.due.figures(),
            "mix": MIX,
        }


def measure(
    sleepers: Sleepers, sandbox: BenchSandbox, plan: SleepersPlan, *, tell: Teller
) -> SleepersResult:
    """Measure without them, put them to sleep, measure beside them; they are gone afterwards.

    Half of the webhooks without them come before and half after, so that a machine which becomes faster or slower
    meanwhile is not taken for what they do.
    """
    name = sleepers.contender.name
    after = plan.webhooks // 2
    sleepers.enrol(plan.count)
    try:
        alone = _latencies(
            sleepers, sandbox, plan.webhooks - after, f"{name}: before the sleepers", tell
        )
        quiet = footprint.measure(sleepers.stack_id, seconds=plan.idle_seconds)
        cpu = _cpu(sleepers)
        for _, told in tell.steps(f"{name}: {plan.count:,} sleepers are made", 1, plan.count):
            create_seconds = _put_to_sleep(sleepers, plan.count, tell=told)
        cpu = _cpu(sleepers) - cpu
        asleep = footprint.measure(sleepers.stack_id, seconds=plan.idle_seconds)
        beside = _latencies(sleepers, sandbox, plan.webhooks, f"{name}: beside the sleepers", tell)
        for _, told in tell.steps(f"{name}: {plan.due} ends in one second", 1, plan.due):
            due = _end_at_once(sleepers, sandbox, plan.due, tell=told)
    finally:
        sleepers.clear()
    alone += _latencies(sleepers, sandbox, after, f"{name}: after the sleepers", tell)
    return SleepersResult(
        count=plan.count,
        create_seconds=create_seconds,
        create_cpu_seconds=cpu,
        without=StackState(latencies=alone, footprint=quiet),
        beside=StackState(latencies=beside, footprint=asleep),
        due=due,
    )


def lags(moments: Sequence[datetime], at: datetime) -> list[float]:
    """Return how many seconds after a moment each was; raise BenchError where one was before it."""
    found = [(moment - at).total_seconds() for moment in moments]
    if min(found) < 0:
        raise BenchError(f"a membership was ended {-min(found):.3f} s before its moment")
    return found


def _added(without: dict[str, float], beside: dict[str, float]) -> dict[str, float]:
    """Return by process how much more it is beside them."""
    return {name: beside.get(name, 0) - without.get(name, 0) for name in beside | without}


def _latencies(
    sleepers: Sleepers, sandbox: BenchSandbox, count: int, label: str, tell: Teller
) -> list[float]:
    """Send so many webhooks, one after the other."""
    for _, told in tell.steps(label, 1, count):
        found = latency.measure(sleepers.contender, sandbox, seed=1, count=count, tell=told)
    return found.samples


def _cpu(sleepers: Sleepers) -> float:
    return sum(sleepers.contender.cpu_seconds().values())


def longest_seconds(count: int) -> float:
    """Return how long the runs of so many may take to be made."""
    return 120 + count / 5


def _put_to_sleep(sleepers: Sleepers, count: int, *, tell: Callable[[int], None]) -> float:
    """Plan the ends, and return after how many seconds all of their runs wait."""
    started = time.monotonic()
    sleepers.plan()
    longest = longest_seconds(count)
    while (asleep := sleepers.asleep()) < count:
        tell(asleep)
        if time.monotonic() - started > longest:
            raise BenchError(f"{asleep} of {count} runs were made after {longest:.0f} s")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - started


def _end_at_once(
    sleepers: Sleepers, sandbox: BenchSandbox, count: int, *, tell: Callable[[int], None]
) -> DueAtOnce:
    """Let members end in one second that is to come; return when each end was carried out, and what took so long."""
    clock = SystemClock()
    members = sandbox.seed(count, f"bench{token_hex(4)}.due")
    sleepers.contender.enrol(members)
    at = (clock.now() + AHEAD).replace(microsecond=0)
    for member in members:
        sandbox.cancel_at(member, at)
    sleepers.plan_due(members, at)
    if clock.now() >= at:
        raise BenchError(f"{count} ends could not be planned within {AHEAD.total_seconds():.0f} s")
    time.sleep((at - clock.now()).total_seconds())
    cpu = sleepers.contender.cpu_seconds()
    latest = at + timedelta(seconds=LATEST_SECONDS)
    while len(ended := sleepers.ended(members)) < count:
        tell(len(ended))
        if clock.now() > latest:
            raise BenchError(f"{len(ended)} of {count} ends were done {LATEST_SECONDS} s late")
        time.sleep(LOOK_SECONDS)
    used = {
        f"CPU: {name}": now - cpu.get(name, 0)
        for name, now in sleepers.contender.cpu_seconds().items()
    }
    _check(sandbox, members)
    return DueAtOnce(at=at, ended=ended, parts=sleepers.parts(members, at) | used)


def _check(sandbox: BenchSandbox, members: Sequence[BenchMember]) -> None:
    """Raise BenchError unless Mailchimp knows of every end."""
    for member in members:
        tags = sandbox.tags(member.email)
        if "alumni" not in tags or "active" in tags:
            raise BenchError(
                f"Mailchimp has the tags {sorted(tags)} of somebody whose time is over"
            )


def summary(found: SleepersResult) -> dict[str, object]:
    """Return the figures, and the values that they are made of."""
    return {
        **found.figures(),
        "samples": {
            "without": found.without.latencies,
            "with": found.beside.latencies,
        },
        "pss_with": asdict(found.beside.footprint.memory)["pss"],
    }
