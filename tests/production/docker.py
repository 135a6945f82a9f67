"""`docker compose …` for a form that is up: a shell runs a page's lines, or deploy/upgrade.sh, as they stand there.

The shell finds a program `docker`, which hands its words and its three files to a thread here. `.env` is read anew
at each of them, as Compose does. The sandbox is the outside world: nothing replaces or stops it but its own name.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from include.lab.stack.layout import ROOT
from tests.production.building import BuildError
from tests.production.deployment import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.production.forms import RunningForm

OUTSIDE = "sandbox"
MAX_BYTES = 65536
CLIENT = f"""#!{sys.executable} -I
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect(os.path.join(os.path.dirname(__file__), "docker.socket"))
    socket.send_fds(there, [json.dumps(sys.argv[1:]).encode()], [0, 1, 2])
    sys.exit(int(there.recv({MAX_BYTES}) or b"125"))
"""


class UnknownWordsError(Exception):
    """Nobody has said what these words of `docker` do here."""


class Docker:
    """The program, for one form."""

    def __init__(self, form: RunningForm, folder: Path) -> None:
        """Write it into `folder`, which is new."""
        folder.mkdir()
        self._form, self._folder = form, folder
        (folder / "docker").write_text(CLIENT)
        (folder / "docker").chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "docker.socket"))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True, name="docker").start()

    def close(self) -> None:
        """Answer no more."""
        self._listener.close()
        shutil.rmtree(self._folder)

    def shell(
        self, text: str, *, at: Path = ROOT, seconds: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run lines with `sh` in a folder; the first that fails ends it, as for a person who reads what is said."""
        return subprocess.run(
            ["sh", "-eu", "-c", text],
            env={"PATH": f"{self._folder}:{os.environ['PATH']}", "HOME": str(self._folder)},
            cwd=at, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                there, _ = self._listener.accept()
                with there:
                    self._answer(there)

    def _answer(self, there: socket.socket) -> None:
        said, files, _, _ = socket.recv_fds(there, MAX_BYTES, 3)
        try:
            code = self._do(json.loads(said), files)
        except (UnknownWordsError, DeploymentError, BuildError) as error:
            os.write(files[2], f"docker: {error}\n".encode())
            code = 125
        finally:
            for file in files:
                os.close(file)
        there.sendall(str(code).encode())

    def _do(self, words: Sequence[str], files: Sequence[int]) -> int:
        """Do what one command says; return its exit code."""
        deployment = self._form.deployment
        project = deployment.project = self._form.project()
        match words:
            case ["compose", "build"]:
                return 0  # an image is made when it is first asked for
            case ["compose", "exec", "-T", service, *command]:
                [container, *_] = deployment.of(service)
                return container.execute(command, *files).wait()
            case ["compose", "run", "--rm", "--entrypoint", entrypoint, service, *command]:
                done = deployment.run(service, *command, entrypoint=entrypoint)
                return self._told(done, files)
            case ["compose", "run", "--rm", service, *command]:
                return self._told(deployment.run(service, *command), files)
            case ["compose", "stop", *services]:
                deployment.stop(*services)
                return 0
            case ["compose", "up", *options]:
                named = [one for one in options if not one.startswith("--")]
                given = {one for one in options if one.startswith("--")}
                if given - {"--detach", "--no-deps", "--wait", "--remove-orphans"}:
                    raise UnknownWordsError(words)
                names = named or sorted(project.active - {OUTSIDE})
                deployment.replace(project, *names, dependencies="--no-deps" not in given)
                return 0
        raise UnknownWordsError(words)

    @staticmethod
    def _told(done: subprocess.CompletedProcess[str], files: Sequence[int]) -> int:
        os.write(files[1], done.stdout.encode())
        os.write(files[2], done.stderr.encode())
        return done.returncode


@contextmanager
def docker_of(form: RunningForm) -> Iterator[Docker]:
    """Give the program for the block."""
    with closing(Docker(form, form.env.parent / "docker")) as docker:
        yield docker
