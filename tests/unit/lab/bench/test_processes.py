"""CPU and memory of a family of processes, against real ones."""

import subprocess
import sys
from secrets import token_hex

import pytest

from include.lab.bench import footprint
from include.lab.bench.machine import cpu_model
from include.lab.bench.processes import cpu_seconds, memory, name_of
from include.lab.stack.family import MARKER, ROLE

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells these values")
CHILD = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
PARENT = f"""
import subprocess, sys
sys.stdin.readline()
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def family():
    """Run a process that carries a stack's marker, and end it."""
    stack_id = token_hex(8)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={MARKER: stack_id, ROLE: "relay"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield stack_id, process
        process.kill()


@LINUX
def test_a_child_that_has_ended_is_counted(family):
    """Airflow's tasks are processes of a moment: their CPU is what a run costs."""
    stack_id, process = family
    before = cpu_seconds(stack_id)

    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"

    assert 0.3 <= cpu_seconds(stack_id)["relay"] - before["relay"] < 5


@LINUX
def test_memory_is_told_by_process(family):
    """Some MiB of a small Python, and no other process of the machine."""
    stack_id, _ = family

    found = memory(stack_id)

    assert found.processes == {"relay": 1}
    assert 1 < found.total < 100


@LINUX
def test_a_footprint_is_of_the_time_it_looked(family):
    """A process that waits takes next to no CPU."""
    stack_id, _ = family

    found = footprint.measure(stack_id, seconds=0.1)

    assert found.figures().keys() == {"pss_total", "idle_cpu_share"}
    assert 0 <= found.idle_cpu_share < 1


class Process:
    """A process of a made-up family."""

    def __init__(self, pid, ppid, role="", title=""):
        """Keep what is asked for."""
        self.pid, self._ppid, self._role, self._title = pid, ppid, role, title

    def ppid(self):
        """Return the parent."""
        return self._ppid

    def environ(self):
        """Return the environment."""
        return {ROLE: self._role} if self._role else {}

    def cmdline(self):
        """Return the title as the system shows it."""
        return [self._title]


FAMILY = {
    process.pid: process
    for process in (
        Process(10, 1),
        Process(11, 10, "postgres"),
        Process(12, 11, "postgres"),
        Process(20, 10, "fork-server"),
        Process(21, 20, "fork-server", "airflow api_server -- host:127.0.0.1 port:8080"),
        Process(22, 20, "fork-server", "airflow scheduler"),
        Process(23, 22, "fork-server", "airflow worker -- LocalExecutor"),
        Process(30, 10, "scheduler", "python fork_client.py scheduler"),
        Process(40, 1, "plain-airflow", "airflow scheduler"),
        Process(41, 40, "plain-airflow", "airflow worker -- LocalExecutor"),
    )
}


@pytest.mark.parametrize(
    ("pid", "name"),
    [
        (10, "supervisord"),
        (12, "postgres"),
        (20, "fork-server"),
        (21, "api-server"),
        (23, "scheduler"),
        (30, "scheduler"),
        (41, "plain-airflow"),
    ],
)
def test_a_process_has_the_name_it_belongs_to(pid, name):
    """Forks of one parent share its environment: their titles tell them apart."""
    assert name_of(FAMILY[pid], FAMILY) == name


def test_the_processor_is_named():
    """Figures mean something only with the machine they were measured on."""
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\n") == "Some CPU @ 2.0GHz"
    assert cpu_model("") != "Some CPU @ 2.0GHz"
