"""What a container of each image starts, played with what this machine has.

An image is a folder of files that lie over this machine's own (`layer`), and what its Dockerfile says of the first
process. Ours is made as the Dockerfile says: the lock is installed once by uv, and kept under `.ops/image`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.lab.installer import uv_settings
from include.lab.stack import postgres
from include.lab.stack.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = {"airflow": "50000:0", "postgres": "999:999", "root": "0:0"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """What all containers of an image have; `layers` are folders over the machine's files, the uppermost first."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "0:0"
    working_dir: str = "/"
    stop_signal: str = "SIGTERM"
    programs: tuple[str, ...] = ()  # what this machine must have
    layers: tuple[str, ...] = ()


SERVER = postgres.binaries().resolve()
POSTGRES = Image(
    entrypoint=("/entrypoints/postgres",),
    command=("postgres",),
    environment={
        "PATH": f"{SERVER}:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",  # the image's is en_US.utf8; both make databases of UTF-8
        "PGDATA": "/var/lib/postgresql/18/docker",
        "PGHOST": "/var/run/postgresql",  # where Debian's programs look; the wheel's look in /tmp
    },
    stop_signal="SIGINT",
)
REDIS = Image(
    command=("redis-server",),
    environment={"PATH": SYSTEM_PATH},
    working_dir="/data",
    programs=("redis-server", "redis-cli"),
)
CADDY = Image(
    command=("caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"),
    environment={"PATH": SYSTEM_PATH, "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
    working_dir="/srv",
    programs=("caddy", "wget"),
)
OTHERS = {"postgres:18*": POSTGRES, "redis:7*": REDIS, "caddy:2*": CADDY}
"""Images of someone else, by name; the program is this machine's, of a version near to it."""

AIRFLOW = Image(
    entrypoint=("/usr/bin/dumb-init", "--", "/entrypoints/airflow"),
    environment={
        "AIRFLOW_HOME": "/opt/airflow",
        "AIRFLOW_USER_HOME_DIR": "/home/airflow",
        "DUMB_INIT_SETSID": "1",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    },
    user=USERS["airflow"],
    working_dir="/opt/airflow",
)
"""The official one, of which ours is made."""


def of_others(name: str) -> Image:
    """Return how an image of someone else is played; raise LookupError for one that is not in the table."""
    for pattern, image in OTHERS.items():
        if fnmatch(name, pattern):
            return image
    raise LookupError(f"tests/production/images.py does not say how {name} is played")


class Dockerfile:
    """The instructions of our Dockerfile that matter when its image is made without Docker."""

    def __init__(self, folder: Path) -> None:
        """Read it, with what `.dockerignore` holds back."""
        self._folder = folder
        text = re.sub(r"\\\n(\s*#.*\n)*", "", (folder / "Dockerfile").read_text())
        lines = [line.split(None, 1) for line in text.splitlines() if line[:1].isupper()]
        self.instructions = [(name, rest.strip()) for name, rest in lines]
        ignored = (folder / ".dockerignore").read_text().splitlines()
        self._held_back = [
            one.removeprefix("**/") for one in ignored if one[0] not in "!#" and one != "*"
        ]

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the base, and those that it sets."""
        pairs = [shlex.split(rest) for name, rest in self.instructions if name == "ENV"]
        return {**base, **dict(one.split("=", 1) for line in pairs for one in line)}

    def copied(self) -> Iterator[tuple[Path, str]]:
        """Yield what is copied, and where to."""
        for name, rest in self.instructions:
            if name == "COPY":
                *sources, target = [one for one in rest.split() if not one.startswith("--")]
                yield from ((self._folder / source, target) for source in sources)

    def copy_to(self, folder: Path) -> None:
        """Copy what an image is made of, so that another can be made there."""
        names = [source.relative_to(self._folder) for source, _ in self.copied()]
        for name in [*names, Path("Dockerfile"), Path(".dockerignore")]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (self._folder / name).is_dir():
                shutil.copytree(self._folder / name, folder / name, ignore=self.ignore)
            else:
                shutil.copy(self._folder / name, folder / name)

    def commands(self) -> list[str]:
        """Return what is run in the image, but for the installation of the lock, which uv has done."""
        run = [rest for name, rest in self.instructions if name == "RUN"]
        return [line for line in run if "pip install" not in line]

    def ignore(self, folder: str, names: list[str]) -> list[str]:
        """Say which files of a folder are not copied, as `shutil.copytree` asks it."""
        places = {name: os.path.relpath(Path(folder, name), self._folder) for name in names}
        return [
            name
            for name, place in places.items()
            if any(fnmatch(place, one) or fnmatch(name, one) for one in self._held_back)
        ]


def python_environment(lock: Path = ROOT / "deploy" / "requirements.lock") -> Path:
    """Return a virtual environment with the image's packages, made if there is none of this lock."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    made = (ROOT / ".ops" / "image").resolve() / digest
    if made.is_dir():
        return made
    fresh = made.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    settings = uv_settings(_output(sys.executable, "-m", "pip", "config", "list"))
    environment = {**settings, **os.environ}
    sync = [
        "pip",
        "sync",
        "--python",
        str(fresh / "bin" / "python"),
        "--require-hashes",
        "--compile-bytecode",
    ]
    for step in (["venv", "--python", _python(), "--relocatable", str(fresh)], [*sync, str(lock)]):
        done = subprocess.run(
            [*uv, *step], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"the image's packages cannot be installed: {done.stderr.strip()[-500:]}")
    fresh.rename(made)
    return made


def _python() -> str:
    """Return a Python of the image's version, or the version itself, for which uv looks elsewhere."""
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("3.12.*/bin/python3.12"))
    for python in [*pyenv, shutil.which("python3.12")]:
        if python and not subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL):
            return str(python)
    return "3.12"


def _output(*command: str) -> str:
    return subprocess.check_output(command, text=True)


def with_layers(image: Image, *layers: Path) -> Image:
    """Return the image over these folders too, the uppermost first."""
    return replace(image, layers=(*map(str, layers), *image.layers))


def base_layer(folder: Path, *, packages: Path) -> list[Path]:
    """Write what all images need over this machine's files into `folder`; return what has to be mounted too.

    Packages stay where they were installed; the folders above them are opened, since `/root` is closed to others.
    """
    python = Path(
        _output(
            str(packages / "bin" / "python"), "-c", "import sys; print(sys.base_prefix)"
        ).strip()
    )
    wheel = SERVER.parent.parent
    binds = [
        packages,
        wheel,
        wheel.with_suffix(".libs"),
        *([python] if python != Path("/usr") else []),
    ]
    for path in binds:
        folder.joinpath(path.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for name in (
        "data",
        "srv",
        "config",
        "var/lib/postgresql",
        "docker-entrypoint-initdb.d",
        "etc",
        "entrypoints",
        "tmp",
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    for name in ("opt/airflow/logs", "home/airflow"):
        (folder / name).mkdir(parents=True)
    for path in (folder / "opt/airflow", folder / "opt/airflow/logs", folder / "home/airflow"):
        os.chown(path, 50000, 0)
        path.chmod(0o775)
    known = Path("/etc/passwd").read_text()
    lines = [line for line in known.splitlines() if line.split(":")[2] not in {"50000", "999"}]
    lines += [
        "airflow:x:50000:0::/home/airflow:/bin/bash",
        "postgres:x:999:999::/var/lib/postgresql:/bin/bash",
    ]
    (folder / "etc/passwd").write_text("\n".join(lines) + "\n")
    for script in (HERE / "entrypoints").iterdir():
        shutil.copy(script, folder / "entrypoints" / script.name)
    return binds
