"""One container as Docker has it: its files, processes and health, and what comes after its first process' end."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import psutil

from tests.production.machine import child_of
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.production.compose import Service
    from tests.production.images import Image
    from tests.production.machine import Machine

FIRST_PAUSE, MAX_PAUSE = 0.1, 60.0  # before a restart: Docker's, doubled each time
STEADY_SECONDS = 10  # who ran that long begins with the first pause again
MAKE = """
mkdir -p upper work root && mount -t overlay -o "lowerdir=$1,upperdir=upper,workdir=work" root root
cd root && mkdir -p dev proc tmp && mount -t tmpfs -o mode=755 dev dev
mount -t tmpfs -o mode=1777 tmp tmp
while read name major minor; do mknod -m 666 dev/$name c $major $minor; done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts && ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777,size="$2" shm dev/shm
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr
"""
START = """
hostname "$1" && mount -t proc proc "$2/proc"
shift && exec chroot "$@"
"""


@dataclass
class Health:
    """What the health check has said so far, and what it has cost."""

    state: str = "starting"
    failures: int = 0
    said: str = ""
    cpu_seconds: float = 0
    checks: int = 0


@dataclass(kw_only=True)
class Container:
    """A container of a service, number `number` of it; `mounts` are (path of the machine, path in it, read only)."""

    machine: Machine
    service: Service
    image: Image
    name: str
    mounts: Sequence[tuple[Path, str, bool]]
    network: str
    is_one_off: bool = False
    health: Health = field(default_factory=Health)
    exit_code: int | None = None
    restarts: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    _process: subprocess.Popen[bytes] | None = None
    _first: int | None = None
    _ends: threading.Event = field(default_factory=threading.Event)
    _keeper: threading.Thread | None = None
    _writers: list[threading.Thread] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Its files on the machine: what it wrote (`upper`), what it sees (`root`), what it said (`log`)."""
        return self.machine.folder / "containers" / f"{self.name}.{self.id}"

    @property
    def log(self) -> Path:
        """All it has said, as seen from here; a one-off container's errors are apart."""
        return self.machine.path(self.folder / "log")

    @property
    def errors(self) -> Path:
        """Where what it writes to its second output goes."""
        return self.machine.path(self.folder / "errors") if self.is_one_off else self.log

    @property
    def environment(self) -> dict[str, str]:
        """All its processes are started with: the image's and the file's, nothing of ours."""
        docker = {"HOSTNAME": self.id, "HOME": "/home/airflow" if self._ids[0] else "/root"}
        return {**docker, **self.image.environment, **self.service.environment}

    @property
    def command(self) -> list[str]:
        """Its first words; an entry point in the file leaves out the image's command."""
        said = self.service
        init = ["/usr/bin/tini", "--"] if said.init else []
        if said.entrypoint is not None:
            return [*init, *said.entrypoint, *(said.command or ())]
        words = self.image.command if said.command is None else said.command
        return [*init, *self.image.entrypoint, *words]

    @property
    def is_running(self) -> bool:
        """Tell whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def first(self) -> psutil.Process:
        """Its first process; raise psutil.NoSuchProcess where it does not run."""
        pid = self._first
        if pid is None or not self.is_running:
            raise psutil.NoSuchProcess(pid or 0)
        return psutil.Process(pid)

    def processes(self) -> list[psutil.Process]:
        """Return its living processes, but for those of a health check."""
        with suppress(psutil.Error):
            return [self.first, *self.first.children(recursive=True)]
        return []

    def make(self) -> None:
        """Make its files, from the image's layers and the mounts."""
        folder = self.folder
        self.machine.path(folder).mkdir(parents=True)
        layers = ":".join([*self.image.layers, "/"])
        make = f'cd "$0" && {MAKE}'
        for source, target, read_only in self.mounts:
            make += f"{_mount(source, target, read_only=read_only)}\n"
        self.machine.run("sh", "-euc", make, str(folder), layers, self.service.shm_size)

    def start(self) -> None:
        """Start its first process, and whatever Docker does afterwards."""
        if self._keeper is not None:
            self._keeper.join()
        self._ends.clear()
        self.forget()
        self._launch()
        self._keeper = threading.Thread(target=self._keep, daemon=True, name=f"keep {self.name}")
        self._keeper.start()

    def stop(self) -> None:
        """Ask it to end, kill it after its grace period; it is not started again."""
        self._ends.set()
        number = signal.Signals[self.service.stop_signal or self.image.stop_signal]
        self._signal(number)
        process = self._process
        if process is not None:
            try:
                process.wait(self.service.stop_grace_seconds)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                process.wait(10)
        for thread in (self._keeper, *self._writers):
            if thread is not None:
                thread.join(20)

    def kill(self) -> None:
        """Kill (-9) its first process, and with it all others; what the file says about restarts holds."""
        process = self._process
        self._signal(signal.SIGKILL)
        if process is not None:
            process.wait(10)

    def forget(self) -> None:
        """Know no more how it ended or was: it is about to be started again."""
        self.health, self.exit_code = Health(), None

    def remove(self) -> None:
        """Take its files away; it must have been stopped."""
        self.machine.run("umount", "--recursive", "--lazy", str(self.folder / "root"))

    def run(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command in it as its user, with its environment."""
        return self._finished(self._exec(words), seconds)

    def keeps_going(self) -> bool:
        """Tell whether it is started again when it ends by itself."""
        return self.service.restart in {"unless-stopped", "always"}

    @property
    def _ids(self) -> tuple[int, int]:
        user, _, group = (self.service.user or self.image.user).partition(":")
        return int(user), int(group or user)

    def _as_user(self, words: Sequence[str]) -> list[str]:
        """Return what runs words as its user in its folder; `sh` and `env` leave nothing of ours in its environment."""
        user, group = self._ids
        identity = [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        privileges = ["--no-new-privs"] if self.service.no_new_privileges else []
        if self.service.capabilities is not None:
            kept = ",".join(["-all", *(f"+{one.lower()}" for one in self.service.capabilities)])
            privileges.append(f"--bounding-set={kept}")
        folder = self.service.working_dir or self.image.working_dir
        clean = ["/usr/bin/env", "--unset=PWD", "--unset=OLDPWD", f"--chdir={folder}"]
        return [*clean, "/usr/bin/setpriv", *identity, *privileges, "--", "/usr/bin/env", *words]

    def _launch(self) -> None:
        namespaces = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        inside = ["/bin/sh", "-euc", START, "start", self.id, str(self.folder / "root")]
        command = [
            *self.machine.entering(net=self.network), "--", "/usr/bin/unshare", *namespaces, "--", *inside,
            *self._as_user(self.command),
        ]  # fmt: skip
        with self._kept(self.log) as output, self._kept(self.errors) as errors:
            self._process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        until(lambda: not self.is_running or self._found_first(), 10)

    @contextmanager
    def _kept(self, file: Path) -> Iterator[int]:
        """Give a pipe for an output, whose content goes to a file until nobody has it open any more."""
        said, output = os.pipe()
        os.fchown(output, *self._ids)  # as Docker does: a process may open /dev/stdout by its name
        writer = threading.Thread(
            target=_write_down, args=(said, file.open("ab", buffering=0)), daemon=True
        )
        self._writers.append(writer)
        writer.start()
        try:
            yield output
        finally:
            os.close(output)

    def _found_first(self) -> bool:
        """Find the first process, once it is among its own files: nsenter's child is unshare, whose child it is."""
        unshare = child_of(self._process.pid)
        first = child_of(unshare) if unshare else None
        with suppress(OSError):
            if (
                first
                and Path(f"/proc/{first}/root/").stat().st_dev != self.machine.root.stat().st_dev
            ):
                self._first = first
        return self._first is not None

    def _keep(self) -> None:
        """Watch over the first process until it has ended for good."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            ended = threading.Event()
            if self.service.health:
                threading.Thread(target=self._check, args=(ended,), daemon=True).start()
            code = self._process.wait()
            ended.set()
            self._first = None
            if self._ends.is_set() or not self.keeps_going():
                self.exit_code = code
                return
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY_SECONDS else pause
            if self._ends.wait(pause):
                self.exit_code = code
                return
            pause = min(2 * pause, MAX_PAUSE)
            self.restarts += 1
            self.health = Health(cpu_seconds=self.health.cpu_seconds, checks=self.health.checks)
            self._launch()

    def _check(self, ended: threading.Event) -> None:
        """Ask for its health at its times until it has ended."""
        check, began, health = self.service.health, time.monotonic(), self.health

        def is_starting() -> bool:
            return health.state == "starting" and time.monotonic() - began < check.start_period

        while not ended.wait(check.start_interval if is_starting() else check.interval):
            done = self._checked(check.test, check.timeout)
            health.said = (done.stdout or "")[-500:]
            if done.returncode == 0:
                health.state, health.failures = "healthy", 0
            elif not is_starting():
                health.failures += 1
                if health.failures >= check.retries:
                    health.state = "unhealthy"

    def _checked(self, words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a health check, and count what it has cost."""
        process = self._exec(words)
        process.args = words
        timer = threading.Timer(seconds, _kill_group, [process])
        timer.start()
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        self.health.cpu_seconds += usage.ru_utime + usage.ru_stime
        self.health.checks += 1
        return subprocess.CompletedProcess(words, process.returncode, said)

    def execute(
        self, words: Sequence[str], stdin: int, stdout: int, stderr: int
    ) -> subprocess.Popen[str]:
        """Start a command inside; its own session, so that it can be killed with all that it starts."""
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        return subprocess.Popen(
            ["/usr/bin/nsenter", f"--target={self._first}", *namespaces, "--", *self._as_user(words)],
            env=self.environment, stdin=stdin, stdout=stdout, stderr=stderr,
            text=True, errors="replace", start_new_session=True,
        )  # fmt: skip

    def _exec(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """Start a command whose words are read here."""
        return self.execute(words, subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT)

    @staticmethod
    def _finished(
        process: subprocess.Popen[str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            said, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, said)

    def _signal(self, number: int) -> None:
        if self.is_running:
            with suppress(ProcessLookupError):
                os.kill(self._first or self._process.pid, number)


def _write_down(said: int, log: BinaryIO) -> None:
    """Keep what is written to a container's outputs until nobody has them open any more."""
    with log, open(said, "rb", buffering=0) as output:
        shutil.copyfileobj(output, log)


def _kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _mount(source: Path, target: str, *, read_only: bool) -> str:
    """Return the shell's words that mount a file or a folder under the container's root, where the shell stands."""
    there, here = shlex.quote(str(source)), shlex.quote(target.lstrip("/"))
    place = f"if [ -d {there} ]; then mkdir -p {here}; else mkdir -p $(dirname {here}); touch {here}; fi"
    options = " && mount -o remount,bind,ro " + here if read_only else ""
    return f"{place} && mount --rbind {there} {here}{options}"
