"""What production takes and how fast it is, beside the local stack in the same run."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from statistics import median

import pytest

from include.lab.bench import burst, latency
from include.lab.bench.product import Product
from include.lab.bench.sandbox import BenchSandbox
from include.lab.stack.layout import ROOT, Layout
from tests.local_stack import LocalStack, environment_of
from tests.production.forms import CELERY, ONE_HOST, running
from tests.production.measuring import Deployed, cpu_of, pss_of

pytestmark = pytest.mark.timeout(1200)
COUNT, SIZE, REPETITIONS = 16, 200, 3
SEED = 20260301
IDLE_SECONDS = 60
GIB = 1024  # in MiB
MAX_PSS, MAX_CORES = 1.3 * GIB, 0.15
NEAR_LATENCY, NEAR_BURST, CELERY_LATENCY = 1.3, 1.5, 2.0
WORKERS, MORE_WORKERS = (1, 2, 4), 1.25


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

    assert sum(one_host.memory.values()) <= MAX_PSS
    assert one_host.cores <= MAX_CORES
    assert one_host.latency <= NEAR_LATENCY * local[0]
    assert one_host.burst <= NEAR_BURST * local[1]


def test_several_hosts_are_not_much_slower(one_host, tmp_path_factory, say):
    """A task that goes by the broker takes at most twice the time."""
    celery = figures_of(CELERY, tmp_path_factory.mktemp("celery"))

    say.in_the_end(f"several hosts: {celery}")
    assert celery.latency <= CELERY_LATENCY * one_host.latency


def test_more_workers_show_in_a_burst(tmp_path, say):
    """`./ops bench burst --workers …`, with a Mailchimp that takes as long for a call as a real one."""
    file = tmp_path / "found.json"
    options = [f"--workers={number}" for number in WORKERS]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "include.lab", "bench", "burst", *options, "--mailchimp-ms=200", f"--json={file}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        say.in_the_end(line)

    found = {one["workers"]: one["seconds"] for one in json.loads(file.read_text())["workers"]}
    assert [*found] == [*WORKERS]
    assert found[max(WORKERS)] <= found[min(WORKERS)] / MORE_WORKERS
