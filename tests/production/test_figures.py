"""What production takes and how fast it is, beside the local stack in the same run."""

import time
from contextlib import closing
from statistics import median

import pytest

from include.lab.bench import burst, latency
from include.lab.bench.product import Product
from include.lab.bench.sandbox import Sandbox
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
    return container.health.cpu_seconds + sum(
        sum(one.cpu_times()[:4]) for one in container.processes()
    )


def pss_of(container):
    """Return the memory of a container's processes in MiB, shared pages divided by those who share them."""
    return sum(one.memory_full_info().pss for one in container.processes()) / MIB


def speed(product, stack):
    """Return the median latency of a webhook and the time of a burst."""
    with closing(product), closing(Sandbox(stack)) as sandbox:
        samples = latency.measure(product, sandbox, seed=SEED, count=COUNT)
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


@pytest.fixture(scope="module")
def figures(local, tmp_path_factory):
    """Give each form's: memory, idle cores, latency, burst."""
    found = {}
    for name in (ONE_HOST, CELERY):
        with running(name, tmp_path_factory.mktemp(name)) as form:
            ours = [
                one for one in form.deployment.containers.values() if one.service.name != "sandbox"
            ]
            began, used = time.monotonic(), sum(map(cpu_of, ours))
            time.sleep(IDLE_SECONDS)
            cores = (sum(map(cpu_of, ours)) - used) / (time.monotonic() - began)
            memory = {one.name: pss_of(one) for one in ours if one.is_running}
            found[name] = (memory, cores, *speed(Deployed(form), form.stack))
    return found


def test_one_host_has_the_local_figures(figures, local, say):
    """Nearly as fast as the local stack, within its memory, and idle when nothing happens."""
    memory, cores, p50, seconds = figures[ONE_HOST]

    say.in_the_end(f"local stack: p50 {local[0]:.2f} s, {SIZE} webhooks in {local[1]:.1f} s")
    say.in_the_end(told(ONE_HOST, figures))
    say.in_the_end("  " + ", ".join(f"{name} {size:.0f}" for name, size in sorted(memory.items())))
    assert sum(memory.values()) <= MOST_PSS
    assert cores <= MOST_CORES
    assert p50 <= NEAR_LATENCY * local[0]
    assert seconds <= NEAR_BURST * local[1]


def test_several_hosts_are_not_much_slower(figures, say):
    """A task that goes by the broker takes at most twice the time."""
    say.in_the_end(told(CELERY, figures))

    assert figures[CELERY][2] <= CELERY_LATENCY * figures[ONE_HOST][2]


def told(name, figures):
    """Return a form's figures as a line."""
    memory, cores, p50, seconds = figures[name]
    speed = f"p50 {p50:.2f} s, {SIZE} webhooks in {seconds:.1f} s"
    return f"{name}: {sum(memory.values()):.0f} MiB PSS, {cores:.2f} cores idle, {speed}"
