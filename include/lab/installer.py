"""The steps of the set-up: virtual environment, uv, packages, byte code; standard library only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from include.lab.shell import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

NO_NETWORK = re.compile(
    r"NewConnectionError|name resolution|dns error|Could not connect|error sending request|timed out"
    r"|ProxyError|Connection refused|Network is unreachable|Failed to fetch",
    re.IGNORECASE,
)
DISK_FULL = re.compile(r"No space left on device|os error 28|Errno 28|Disk quota exceeded")
NOT_WHAT_WAS_LOCKED = re.compile(r"HASHES|hash mismatch", re.IGNORECASE)
PIP_SETTING = re.compile(r"([^=]+)\.([a-z-]+)=(.+)")


class SetupError(Exception):
    """The set-up cannot go on; the text is the line for the person at the terminal."""


class StepError(Exception):
    """A step's command failed; the text is what it printed."""


class StepRunner(Protocol):
    """How a step is run: see `InstallSteps.run`."""

    def __call__(
        self, name: str, command: Sequence[str], *, extra: Mapping[str, str] | None = None
    ) -> None:
        """Run it to its end."""


def install(root: Path, state: Path) -> None:
    """Make `state/venv` and install the lock into it; raise SetupError or OSError."""
    lock = root / "requirements.lock"
    python = str(state / "venv" / "bin" / "python")
    version = "{}.{}".format(*sys.version_info)
    run = InstallSteps(state / "setup.log").run
    try:
        run(
            f"virtual environment (Python {version})",
            [sys.executable, "-m", "venv", str(state / "venv")],
        )
        only_uv = state / "uv.lock"
        only_uv.write_text(lines_of("uv", lock.read_text()))
        run("installer", _pip(python, only_uv))
        _install_packages(run, python, lock)
        code = [str(root / folder) for folder in ("include", "dags", "plugins")]
        run("byte code", [python, "-m", "compileall", "-q", *code])
    except StepError as error:
        raise SetupError(reason_from(str(error), state / "setup.log")) from error


def _install_packages(run: StepRunner, python: str, lock: Path) -> None:
    """Let uv install the lock; where uv itself is the trouble, let pip."""
    sync = [python, "-m", "uv", "pip", "sync", "--python", python, "--require-hashes"]
    pip_config = [python, "-m", "pip", "config", "list"]
    settings = uv_settings(subprocess.check_output(pip_config, text=True))  # noqa: S603
    try:
        run("packages", [*sync, "--compile-bytecode", str(lock)], extra=settings)
    except StepError as error:
        if any(known.search(str(error)) for known in (NO_NETWORK, DISK_FULL, NOT_WHAT_WAS_LOCKED)):
            raise
        run("packages, once more with pip (takes minutes)", _pip(python, lock))


def _pip(python: str, requirements: Path) -> list[str]:
    """Return pip's command; it asks twice and not six times before it says that there is no network."""
    options = ["--require-hashes", "--no-deps", "--disable-pip-version-check", "--retries=1"]
    return [python, "-m", "pip", "install", *options, "-r", str(requirements)]


def lines_of(package: str, lock: str) -> str:
    """Return the lines of one package, with its hashes, from the text of a lock."""
    found = re.search(rf"^{package}==.*(?:\n[ \t].*)*", lock, re.MULTILINE)
    if found is None:
        raise SetupError(
            f"requirements.lock does not name {package}: run git checkout requirements.lock"
        )
    return found.group() + "\n"


def uv_settings(pip_config: str) -> dict[str, str]:
    """Say in uv's words what `pip config list` says: uv does not read pip's settings by itself."""
    pip: dict[str, str] = {}
    for line in sorted(pip_config.splitlines(), key=lambda line: line.startswith(":env:")):
        if setting := PIP_SETTING.fullmatch(line.strip()):
            pip[setting[2]] = str(ast.literal_eval(setting[3]))
    names = {
        "index-url": ("UV_DEFAULT_INDEX", " "),
        "extra-index-url": ("UV_INDEX", " "),
        "find-links": ("UV_FIND_LINKS", ","),
        "trusted-host": ("UV_INSECURE_HOST", " "),
        "cert": ("SSL_CERT_FILE", " "),
    }
    found = {name: sep.join(pip[key].split()) for key, (name, sep) in names.items() if key in pip}
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # what pip does; the hashes make it safe
    return found


def reason_from(output: str, log: Path) -> str:
    """Turn what a failed command printed into the one line that says what to do."""
    if DISK_FULL.search(output):
        return "the disk is full: make room (2 GiB) and start again"
    if NOT_WHAT_WAS_LOCKED.search(output):
        return f"a package is not the one that was locked (its hash differs), nothing was used; see {log}"
    if NO_NETWORK.search(output):
        return "the package index cannot be reached: check the network or pip's index setting and start again"
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "no output")
    return f"the set-up failed: {last.strip()} (all of it is in {log})"


class InstallSteps:
    """Runs commands one after the other, shows how far they are, keeps what they print."""

    def __init__(self, log: Path) -> None:
        """Write everything the commands print to `log`."""
        self._log = log
        self._log.write_text("")

    def run(
        self, name: str, command: Sequence[str], *, extra: Mapping[str, str] | None = None
    ) -> None:
        """Run `command` to its end, with `extra` in its environment where the user has not said otherwise."""
        process = subprocess.Popen(  # noqa: S603
            command,
            env={**(extra or {}), **clean_environment()},
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with process, self._log.open("a") as log, Progress(name) as progress:
            try:
                lines = list(progress.follow(process.stdout or (), log))
            except KeyboardInterrupt:
                process.kill()
                raise
        if process.returncode:
            raise StepError("".join(lines))


class Progress:
    """One line that counts the seconds on a terminal; a line at the start and the end elsewhere."""

    def __init__(self, name: str) -> None:
        """Show the step `name` on the standard error."""
        self._name, self._out, self._last = name, sys.stderr, ""
        self._live = self._out.isatty()
        self._done = threading.Event()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to show it."""
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Say how long it took."""
        self._done.set()
        self._ticker.join()
        self._show(f"{self._seconds():.0f} s", end="\n")

    def follow(self, output: Iterable[str], log: TextIO) -> Iterable[str]:
        """Pass `output` on line by line, into the log and into what is shown."""
        for line in output:
            log.write(line)
            self._last = line.strip()
            yield line

    def _tick(self) -> None:
        if not self._live:
            self._show("…", end="\n")
        while not self._done.wait(0.5):
            if self._live:
                self._show(f"{self._seconds():.0f} s  {self._last[:60]}", end="")

    def _show(self, text: str, end: str) -> None:
        erase = "\r\033[K" if self._live else ""
        self._out.write(f"{erase}ops: setting up: {self._name}: {text}{end}")
        self._out.flush()

    def _seconds(self) -> float:
        return time.monotonic() - self._started
