"""What production takes and how fast it is, beside the local stack in the same run."""

import time
from contextlib import closing, suppress
from dataclasses import dataclass
from statistics import median

import psutil
import pytest

from include.lab.bench import burst, latency
from include.lab.bench.product import Product
from include.lab.bench.sandbox import BenchSandbox
from include.lab.stack.layout import Layout
from tests.local_stack import LocalStack, environment_of
from tests.production.forms import CELERY, ONE_HOST, running

pytestmark = pytest.mark.timeout(1200)
COUNT, SIZE, REPETITIONS = 16, 200, 3
SEED = 20260301
IDLE_SECONDS = 60
MIB, GIB = 1024**2, 1024
MOST_PSS, MOST_CORES = 1.3 * GIB, 0.15
NEAR_LATENCY, NEAR_BURST, CELERY_LATENCY = 1.3, 1.5, 2.0


class Deployed(Product):
    """A form of production as the bench measures it."""

    def __init__(self, form):
        """Measure this form, which is up."""
        super().__init__(form.stack)
        self._containers = form.deployment.containers

    def cpu_seconds(self):
        """Add up the containers' processes."""
        return {name: cpu_of(one) for name, one in self._containers.items()}


def cpu_of(container):
    """Return the seconds that a container's processes have used, ended ones and health checks too."""
    used = container.health.cpu_seconds
    for process in container.processes():
        with suppress(psutil.NoSuchProcess):  # it has just ended: its parent has its time
            used += sum(process.cpu_times()[:4])
    return used


def pss_of(container):
    """Return the memory of a container's processes in MiB, shared pages divided by those who share them."""
    size = 0
    for process in container.processes():
        with suppress(psutil.NoSuchProcess):
            size += process.memory_full_info().pss
    return size / MIB


def speed(product, stack):
    """Return the median latency of a webhook and the time of a burst."""
    with closing(product), closing(BenchSandbox(stack)) as sandbox:
        samples = latency.measure(product, sandbox, seed=SEED, count=COUNT).samples
        bursts = [burst.measure(product, sandbox, SIZE, seed=SEED + n) for n in range(REPETITIONS)]
    return median(samples), median(one.seconds for one in bursts)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Give the local stack's speed."""
    state = tmp_path_factory.mktemp("beside") / "state"
    state.mkdir()
    beside = LocalStack(Layout(state=state), environment_of(state))
    beside.up()
    measured = speed(Product(beside.stack), beside.stack)
    beside.down()
    return measured


@dataclass(frozen=True)
class Figures:
    """What a form takes, in MiB and cores while nothing happens, and how fast it is, in seconds."""

    memory: dict[str, float]
    cores: float
    latency: float
    burst: float

    def __str__(self):
        """Say it in a line."""
        takes = f"{sum(self.memory.values()):.0f} MiB PSS, {self.cores:.2f} cores idle"
        parts = ", ".join(f"{name} {size:.0f}" for name, size in sorted(self.memory.items()))
        return f"p50 {self.latency:.2f} s, {SIZE} webhooks in {self.burst:.1f} s; {takes} ({parts})"


def figures_of(name, folder):
    """Start a form and measure it: first what it takes, then how fast it is."""
    with running(name, folder) as form:
        ours = [one for one in form.deployment.containers.values() if one.service.name != "sandbox"]
        began, used = time.monotonic(), sum(map(cpu_of, ours))
        time.sleep(IDLE_SECONDS)
        cores = (sum(map(cpu_of, ours)) - used) / (time.monotonic() - began)
        memory = {one.name: pss_of(one) for one in ours if one.is_running}
        return Figures(memory, cores, *speed(Deployed(form), form.stack))


@pytest.fixture(scope="module")
def one_host(tmp_path_factory):
    """Give the figures of one host."""
    return figures_of(ONE_HOST, tmp_path_factory.mktemp("one-host"))


def test_one_host_has_the_local_figures(local, one_host, say):
    """Nearly as fast as the local stack, within its memory, and idle when nothing happens."""
    say.in_the_end(f"local stack: p50 {local[0]:.2f} s, {SIZE} webhooks in {local[1]:.1f} s")
    say.in_the_end(f"one host: {one_host}")

    assert sum(one_host.memory.values()) <= MOST_PSS
    assert one_host.cores <= MOST_CORES
    assert one_host.latency <= NEAR_LATENCY * local[0]
    assert one_host.burst <= NEAR_BURST * local[1]


def test_several_hosts_are_not_much_slower(one_host, tmp_path_factory, say):
    """A task that goes by the broker takes at most twice the time."""
    celery = figures_of(CELERY, tmp_path_factory.mktemp("celery"))

    say.in_the_end(f"several hosts: {celery}")
    assert celery.latency <= CELERY_LATENCY * one_host.latency
