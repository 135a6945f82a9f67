"""The real stack for the tests that need all of it: its own state folder, its own ports, started once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from include.lab.stack import family
from include.lab.stack.layout import ROOT, Layout
from include.lab.stack.ports import any_free
from include.lab.stack.stack import Stack, load_stack
from include.lab.stack.supervisor import Supervisor
from tests import contracts
from tests.production import forms

PORTS = ("OPS_RELAY_PORT", "OPS_SANDBOX_PORT", "OPS_AIRFLOW_PORT", "OPS_POSTGRES_PORT")
COMMAND_SECONDS = 900  # the whole demo on a slow machine


@dataclass(frozen=True)
class LocalStack:
    """A stack that a developer's own one does not notice."""

    layout: Layout
    environment: dict[str, str]

    @property
    def stack(self) -> Stack:
        """Its ports, credentials and secrets, as kept on the disk now."""
        stack = load_stack(self.layout.stack_file)
        assert stack is not None
        return stack

    def ops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `./ops …` for this stack, past the set-up of the environment that the tests run in."""
        with self.begin(*arguments, stderr=subprocess.PIPE) as begun:
            try:
                said, complained = begun.communicate(timeout=COMMAND_SECONDS)
            except BaseException:
                begun.kill()
                raise
        return subprocess.CompletedProcess(begun.args, begun.returncode, said, complained)

    def begin(self, *arguments: str, stderr: int = subprocess.STDOUT) -> subprocess.Popen[str]:
        """Start the same, and do not wait for its end."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "include.lab", *arguments],
            env=self.environment,
            cwd=self.layout.state,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def up(self) -> str:
        """Start it and return what was said."""
        done = self.ops("up", "--detach")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def down(self) -> str:
        """Stop it and return what was said."""
        done = self.ops("down")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Stop these processes for the block, in this order, and start them in the other."""
        with closing(Supervisor(self.stack)) as supervisor:
            for name in names:
                supervisor.stop(name)
            try:
                yield
            finally:
                for name in reversed(names):
                    supervisor.start(name)

    def logs(self) -> Iterator[str]:
        """Yield all that the processes and the tasks have written down."""
        for folder in (self.layout.logs, self.layout.airflow_home / "logs"):
            for path in folder.rglob("*.log*"):
                if path.is_file():
                    yield path.read_text(errors="replace")

    def processes(self) -> list[str]:
        """Return the command lines of all its living processes."""
        return [" ".join(process.cmdline()) for process in family.members(self.stack.id)]


def environment_of(state: Path) -> dict[str, str]:
    """Return what `./ops` is started with: a state folder and free ports of its own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPS_", "AIRFLOW", "_AIRFLOW"))
    }
    taken: set[int] = set()
    for _ in PORTS:
        taken.add(any_free(taken))
    ports = {name: str(port) for name, port in zip(PORTS, sorted(taken), strict=True)}
    return {
        **inherited,
        **ports,
        "OPS_SANDBOX_CONTRACTS_DIRS": os.pathsep.join(map(str, contracts.FOLDERS)),
        "OPS_STATE_DIR": str(state),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="session")
def local_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStack | forms.RunningForm]:
    """Give the real stack, healthy; afterwards it is stopped, and nothing of it may be left.

    With `--form` it is that form of production.
    """
    form = request.config.getoption("--form")
    if form != "local":
        with forms.running(form, tmp_path_factory.mktemp(form)) as production:
            yield production
        return
    state = tmp_path_factory.mktemp("a stack") / "state"
    state.mkdir()
    running = LocalStack(Layout(state=state), environment_of(state))
    running.up()
    yield running
    running.down()
    assert running.processes() == []
