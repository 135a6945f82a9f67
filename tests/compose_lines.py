"""Lines with `docker compose` and `./ops`, run as a person would, where plain processes stand for the containers."""

import shlex
import subprocess
import sys
from pathlib import Path

from include.interview.env_file import EnvFile
from include.operate.setup.compose import environment_of
from tests.kept_environment import kept

ROOT = Path(__file__).parents[1]


class Lines:
    """The lines of one deployment's folder. What a service is started anew by, or a tool is, the test says."""

    def __init__(self, folder, *, start=None, tools=None, environment=None):
        """`start`: service → what replaces it; `tools`: name → its words; `environment` replaces addresses."""
        self.folder = folder
        self._start, self._tools = start or {}, tools or {}
        self._environment = environment or {}
        self.done = []

    def given_to(self, service):
        """Return the environment that the compose file gives a service now."""
        values = EnvFile(self.folder / ".env").resolved()
        return environment_of(service, folder=self.folder, values=values) | self._environment

    def ops(self, *words, check=True):
        """Run `./ops` in the folder; return what it printed."""
        return self._process([sys.executable, "-m", "include.operate", *words], {}, check=check)

    def run(self, line):
        """Run one line; one that is none of those that a page or a command may have fails the test."""
        self.done.append(line)
        match shlex.split(line):
            case ["./ops", *words]:
                return self.ops(*words)
            case ["docker", "compose", "up", "--detach", "--no-deps", "--wait", service]:
                return self._start[service]()
            case ["docker", "compose", "stop", *services]:
                assert set(services) <= set(self._start)
                return ""
            case ["docker", "compose", "exec", "-T", _service, tool, *words]:
                return self._process([*self._tools[tool], *words], {})
            case ["docker", "compose", "run", "--rm", "prepare"]:
                command = [sys.executable, "-m", "include.operate.prepare"]
                return self._process(command, self.given_to("prepare"))
            case ["docker", "compose", "run", "--rm", "--entrypoint", "airflow", "ops", *words]:
                command = [sys.executable, "-m", "airflow", *words]
                return self._process(command, self.given_to("ops"))
        raise AssertionError(f"nobody knows how to run {line!r}")

    def _process(self, command, environment, *, check=True):
        ours = {"PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(self.folder)}
        answer = subprocess.run(
            command,
            env={**kept("PATH", "HOME"), **ours, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not (check and answer.returncode), answer.stderr[-2000:]
        return answer.stdout


def lines_in(text):
    """Return the lines that `./ops rotate` has printed for a person to run, the last one included."""
    return [
        line.strip() for line in text.splitlines() if line.startswith(("  docker ", "  ./ops "))
    ]
