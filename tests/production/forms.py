"""The two forms of production, each filled in as a person does it, started, and used like the local stack."""

from __future__ import annotations

import base64
import re
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from include.lab.stack.layout import ROOT
from include.lab.stack.stack import PEOPLE, Ports, Stack
from include.store.migrate import versions
from tests.faults.chaos import role_of
from tests.production import compose, images, machine
from tests.production.building import Images
from tests.production.deployment import Deployment, is_ready
from tests.production.interpolation import read_env_files

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.production.compose import Project
    from tests.production.container import Container

ONE_HOST, CELERY = "one-host", "celery"
FILES = {
    ONE_HOST: ("docker-compose.yaml",),
    CELERY: ("docker-compose.yaml", "deploy/compose.celery.yaml"),
}
TOGETHER = "airflow"  # one host's service with Airflow's four processes
PROFILES = ("sandbox",)
NEXT = "9.9.9"
MIGRATION = '''"""What the next version needs besides."""

from alembic import op

revision = "9999"
down_revision = "{newest}"


def upgrade():
    """Add a column."""
    op.get_bind().exec_driver_sql("ALTER TABLE ops.inbox ADD COLUMN of_the_next_version text")
'''
TRIAL = "deploy/sandbox.env"  # the vendors' stand-ins in the vendors' place
RECIPES = {
    "openssl rand -hex 32": lambda: secrets.token_hex(32),
    "openssl rand -hex 16": lambda: secrets.token_hex(16),
    "openssl rand -base64 32 | tr '+/' '-_'": lambda: base64.urlsafe_b64encode(
        secrets.token_bytes(32)
    ).decode(),
    "echo whsec_$(openssl rand -hex 32)": lambda: "whsec_" + secrets.token_hex(32),
    "echo whsec_$(openssl rand -base64 24)": lambda: (
        "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    ),
}
"""What `.env.example` says above a name that has no value, and what that makes."""


class DeployedStack(Stack):
    """What tests ask of a stack, of a deployment: its addresses inside the machine's network, its secrets."""

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and REST API, by the proxy."""
        return "http://localhost"


@dataclass(frozen=True)
class RunningForm:
    """A form that is up: its containers, and what its `.env` says."""

    name: str
    deployment: Deployment
    env: Path
    operator_password: str = field(repr=False)  # of the people that the tests have added

    @property
    def files(self) -> tuple[str, ...]:
        """Its compose files."""
        return FILES[self.name]

    @property
    def variables(self) -> dict[str, str]:
        """What `.env` says now, with what a trial adds where `.env` does not say all of it itself."""
        said = read_env_files(self.env)
        return said if said["OPS_SANDBOX_URL"] else read_env_files(self.env, ROOT / TRIAL)

    @property
    def stack(self) -> DeployedStack:
        """Its addresses and secrets, by the names that the local stack has for them."""
        said = self.variables
        inside = self.deployment.address("postgres")
        return DeployedStack(
            id=self.name,
            ports=Ports(relay=8025, sandbox=8026),
            other_database_url=_plain(said["OPS_DATABASE_URL"], inside),
            other_airflow_database_url=_plain(said["AIRFLOW_DATABASE_URL"], inside),
            stripe_webhook_secret=said["OPS_STRIPE_WEBHOOK_SECRETS"],
            clerk_webhook_secret=said["OPS_CLERK_WEBHOOK_SECRETS"],
            admin_password=said["OPS_AIRFLOW_ADMIN_PASSWORD"],
            operator_password=self.operator_password,
            community_password=self.operator_password,
            viewer_password=self.operator_password,
            relay_password=said["OPS_AIRFLOW_PASSWORD"],
            reconciler_password=said["OPS_AIRFLOW_RECONCILER_PASSWORD"],
        )

    def ops(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command for people, as `docker compose run --rm ops` does."""
        return self.deployment.run("ops", *words)

    def services_of(self, part: str) -> list[str]:
        """Return the services that do a part's work: its own, or the one in which it runs beside others."""
        own = [
            name for name in self.deployment.project.active if name.rstrip("-0123456789") == part
        ]
        return own or [TOGETHER]

    def kill(self, part: str) -> Callable[[], bool]:
        """Kill (-9) a container that does this part's work, or its process where others work in the container too.

        Returns what tells whether there is another in its place.
        """
        [container, *_] = self.deployment.of(*self.services_of(part))
        if container.service.name != TOGETHER:
            return self._kill_container(container)
        return self._kill_process(container, lambda process: role_of(process) == part)

    def kill_working(self) -> Callable[[], bool]:
        """Kill (-9) a worker that has a task in its hands: its container, or the process where it is one of several."""
        if self.name == ONE_HOST:
            [container] = self.deployment.of(TOGETHER)
            return self._kill_process(container, lambda process: role_of(process) == "worker")
        workers = self.deployment.of(*self.services_of("worker"))
        return self._kill_container(
            next(one for one in workers if any(role_of(p) == "task" for p in one.processes()))
        )

    def freeze_pools(self) -> int:
        """Stop the processes in which Celery's workers do tasks; the workers still take messages. Return how many."""
        workers = self.deployment.of(*self.services_of("worker"))
        pools = [
            p
            for one in workers
            for p in one.processes()
            if "ForkPoolWorker" in " ".join(p.cmdline())
        ]
        for process in pools:
            process.suspend()
        return len(pools)

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Freeze the containers that do a part's work for the block: they are there, and do nothing."""
        processes = [
            p for one in self.deployment.of(*self.services_of(part)) for p in one.processes()
        ]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @staticmethod
    def _kill_container(container: Container) -> Callable[[], bool]:
        before = container.restarts
        container.kill()
        return lambda: container.restarts > before and is_ready(container)

    @staticmethod
    def _kill_process(
        container: Container, is_wanted: Callable[[psutil.Process], bool]
    ) -> Callable[[], bool]:
        killed = next(one for one in container.processes() if is_wanted(one))
        killed.kill()
        return lambda: any(one != killed and is_wanted(one) for one in container.processes())

    def project(self) -> Project:
        """Return what its files say with what `.env` says now."""
        return project_of(self.name, self.variables)

    def wants(self, version: str) -> None:
        """Name another version in `.env`."""
        text = self.env.read_text()
        changed = re.sub(r"^OPS_VERSION=.*$", f"OPS_VERSION={version}", text, flags=re.MULTILINE)
        assert changed != text
        self.env.write_text(changed)

    def wants_next(self) -> None:
        """Name the next version: what is here now, and a migration more."""
        tree = self.env.parent / NEXT
        if not tree.exists():
            images.Dockerfile(ROOT).copy_to(tree)
            newest = max(versions())
            place = tree / "include" / "store" / "migrations" / "versions" / "9999_next.py"
            place.write_text(MIGRATION.format(newest=newest))
            self.deployment.images.trees[NEXT] = tree
        self.wants(NEXT)

    @contextmanager
    def stopped(self, *parts: str) -> Iterator[None]:
        """Stop what does the work of these parts for the block."""
        services = {name for part in parts for name in self.services_of(part)}
        self.deployment.stop(*services)
        try:
            yield
        finally:
            self.deployment.start(*services)

    def logs(self) -> Iterator[str]:
        """Yield all that the containers and the tasks have written down."""
        for container in self.deployment.containers.values():
            yield container.log.read_text(errors="replace")
        for path in self.deployment.volumes.rglob("*.log*"):
            if path.is_file():
                yield path.read_text(errors="replace")

    def add_people(self) -> None:
        """Add the users of the local stack that a new production does not have, as its administrator does."""
        stack = self.stack
        with httpx.Client(base_url=stack.airflow_url, timeout=60) as http:
            token = http.post("/auth/token", json=stack.users["admin"]).raise_for_status()
            http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            for name in PEOPLE[1:]:
                person = {
                    "username": name, "password": stack.users[name]["password"], "email": f"{name}@example.org",
                    "first_name": name, "last_name": "of the tests", "roles": [{"name": ROLES[name]}],
                }  # fmt: skip
                http.post("/auth/fab/v1/users", json=person).raise_for_status()


ROLES = {"operator": "Op", "community": "Community", "viewer": "Viewer"}


def _plain(url: str, address: str) -> str:
    """Return a database's address as psycopg takes it, from outside the containers."""
    return re.sub(r"^postgresql\+\w+", "postgresql", url).replace("@postgres:", f"@{address}:")


def project_of(form: str, variables: Mapping[str, str]) -> Project:
    """Return a form's files, filled in."""
    return compose.load([ROOT / one for one in FILES[form]], variables, PROFILES)


def filled(example: Path, folder: Path) -> Path:
    """Write `.env` into `folder` as the example says it: each name that has a recipe above it gets its own value."""
    lines, recipe = [], None
    for line in example.read_text().splitlines():
        if line.startswith("#"):
            found = [one for one in RECIPES if re.search(re.escape(one) + r"(\s|$)", line)]
            recipe = max(found, key=len, default=recipe)
        elif re.fullmatch(r"\w+=", line) and recipe:
            line += RECIPES[recipe]()  # noqa: PLW2901 - the line with its value
            recipe = None
        elif line:
            recipe = None
        lines.append(line)
    env = folder / ".env"
    env.touch(0o600)
    env.write_text("\n".join([*lines, ""]))
    return env


@contextmanager
def running(form: str, folder: Path) -> Iterator[RunningForm]:
    """Start a form from nothing, and enter its machine's network for the block; skip the test where that cannot be."""
    env = filled(ROOT / ".env.example", folder)
    with env.open("a") as file:
        file.write(f"COMPOSE_FILE={':'.join(FILES[form])}\n")
    variables = read_env_files(env, ROOT / TRIAL)
    with deploying(project_of(form, variables), folder) as deployment:
        deployment.up()
        started = RunningForm(form, deployment, env, variables["OPS_AIRFLOW_ADMIN_PASSWORD"])
        started.add_people()
        yield started


@contextmanager
def deploying(project: Project, folder: Path) -> Iterator[Deployment]:
    """Give a project of which nothing is started yet, in its machine's network; in the end all of it is taken down."""
    others = [one for one in project.services.values() if not one.is_built]
    programs = {program for one in others for program in images.of_others(one.image).programs}
    if why := machine.missing([*programs]):
        pytest.skip(why)
    packages = images.python_environment()
    place, volumes = folder / "machine", folder / "volumes"
    place.mkdir()
    computer = machine.Machine(place)
    try:
        with computer.inside():
            deployment = Deployment(computer, project, Images(computer, packages), volumes)
            try:
                yield deployment
            finally:
                deployment.down()
    finally:
        computer.end()
