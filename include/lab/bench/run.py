"""One run of the bench: the product's figures first, then plain Airflow's, never both at once."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from include.lab.bench import burst
from include.lab.bench.figures import Bench, attempt
from include.lab.bench.machine import machine
from include.lab.bench.plain import PlainAirflow
from include.lab.bench.plain_sleepers import PlainSleepers
from include.lab.bench.product import Product
from include.lab.bench.product_sleepers import ProductSleepers
from include.lab.bench.report import BASELINE, SLOW_MAILCHIMP
from include.lab.bench.sandbox import BenchSandbox
from include.lab.bench.sleepers import COUNT, SleepersPlan
from include.lab.stack import lifecycle
from include.lab.stack.line import Line
from include.lab.stack.readiness import Readiness
from include.lab.stack.settings import load_stack_settings
from include.lab.stack.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from include.lab.bench.progress import Teller
    from include.lab.bench.report import Results
    from include.lab.stack.layout import Layout
    from include.lab.stack.stack import Stack

FIGURES = ("latency", "burst", "ingest", "footprint", "search", "sleepers")
COMPARED = ("latency", "burst", "sleepers")  # against plain Airflow
COMPARED_BURST = 200
COMPARED_SLEEPERS = SleepersPlan(count=100, due=10, webhooks=3, idle_seconds=10)
"""Fewer of all: each webhook takes as much longer as there are sleepers, and each end two workers' seconds."""

QUIET_LOAD = 0.5  # what an idle machine, or one with our idle stack, stays below
KEPT_FOR_PLAIN = ("postgres", "sandbox")


def run(  # noqa: PLR0913 - options, by name
    at: Layout,
    names: Sequence[str],
    *,
    repetitions: int,
    count: int = COUNT,
    burst_sizes: tuple[int, ...] = burst.SIZES,
    mailchimp_seconds: float = 0.0,
    plain: bool,
    tell: Teller,
) -> Results:
    """Measure the named figures; one that cannot be measured has `failed` with the reason."""
    results: Results = {"machine": machine()}
    load = results["machine"]["load_before"]
    if load > QUIET_LOAD:
        tell.say(f"the machine is busy (load {load}): the figures will be worse than they are")
    with (
        stack_for_bench(at) as (stack, stays),
        closing(BenchSandbox(stack)) as sandbox,
        sandbox.slow("mailchimp", mailchimp_seconds),
    ):
        bench = Bench(sandbox=sandbox, repetitions=repetitions, tell=tell)
        found = measure(
            bench, stack, names, plan=SleepersPlan(count=count), burst_sizes=burst_sizes
        )
        results |= {SLOW_MAILCHIMP: found} if mailchimp_seconds else found
        compared = [name for name in names if name in COMPARED]
        if plain and compared:
            with without_our_airflow(at, stack, restart=stays):
                add_plain(found, measure_plain(bench, at, stack, compared))
    return results


@contextmanager
def stack_for_bench(at: Layout) -> Iterator[tuple[Stack, bool]]:
    """Give the stack that is up, or one for the time of the block, and tell whether it stays up."""
    running = lifecycle.running(at)
    stack = running or lifecycle.up(at, tied=True)
    try:
        yield stack, running is not None
    finally:
        if running is None:
            lifecycle.down(at)


def measure(
    bench: Bench,
    stack: Stack,
    names: Sequence[str],
    *,
    plan: SleepersPlan,
    burst_sizes: tuple[int, ...],
) -> Results:
    """Return the product's figures; the idle stack is looked at before it has work."""

    def latency() -> Results:
        mark = product.mark()
        return bench.latency(product) | {"hops": product.hops(mark)}

    def sleepers() -> Results:
        with closing(ProductSleepers(product, stack, bench.sandbox)) as them:
            return bench.sleepers(them, plan)

    with closing(Product(stack)) as product:
        how: dict[str, Callable[[], Results]] = {
            "footprint": lambda: bench.footprint(stack.id),
            "latency": latency,
            "burst": lambda: bench.bursts(product, burst_sizes),
            "ingest": lambda: bench.ingest(product),
            "search": lambda: bench.search(stack),
            "sleepers": sleepers,
        }
        measured = {name: attempt(figure) for name, figure in how.items() if name in names}
    return {name: measured[name] for name in FIGURES if name in measured}


def measure_plain(bench: Bench, at: Layout, stack: Stack, names: Sequence[str]) -> Results:
    """Return plain Airflow's figures."""

    def sleepers(contender: PlainAirflow) -> Results:
        with closing(PlainSleepers(contender, stack.id)) as them:
            return bench.sleepers(them, COMPARED_SLEEPERS)

    def measure_all() -> Results:
        bench.tell.say("plain Airflow starts")
        with PlainAirflow(at, stack) as contender:
            how: dict[str, Callable[[], Results]] = {
                "latency": lambda: bench.latency(contender),
                "burst": lambda: bench.bursts(contender, (COMPARED_BURST,)),
                "sleepers": lambda: sleepers(contender),
            }
            return {name: attempt(how[name]) for name in names}

    found = attempt(measure_all)
    return dict.fromkeys(names, found) if "failed" in found else found


def add_plain(results: Results, found: Results) -> None:
    """Put plain Airflow's figures beside ours: a burst's beside the burst of the same size."""
    for name, figures in found.items():
        size = str(COMPARED_BURST)
        if size in figures:
            results[name].setdefault(size, {})[BASELINE] = figures[size]
        else:
            results[name][BASELINE] = figures


@contextmanager
def without_our_airflow(at: Layout, stack: Stack, *, restart: bool) -> Iterator[None]:
    """Leave only Postgres and the sandbox running for the block."""
    supervisor = Supervisor(stack)
    running = [one.name for one in supervisor.processes() if one.state == "RUNNING"]
    names = [name for name in running if name not in KEPT_FOR_PLAIN]
    for name in reversed(names):
        supervisor.stop(name)
    try:
        yield
    finally:
        if restart:
            for name in names:
                supervisor.start(name)
            seconds = load_stack_settings().start_timeout_seconds
            Readiness(at, stack, supervisor, Line(), seconds=seconds).wait()
