"""A project of compose files as running containers, with the words of `docker compose`: up, stop, run, kill, logs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.production.container import Container
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from tests.production.building import Images
    from tests.production.compose import Project, Service
    from tests.production.images import Image
    from tests.production.machine import Machine

LOG_LINES = 40
HOSTS_BYTES = 4096


class DeploymentError(Exception):
    """A container did not become what was waited for; the text has the end of its log."""


@dataclass
class Deployment:
    """The containers of a project on a machine; `volumes` is a folder on the disk, where named volumes are kept.

    A container that is made anew has the address of the one before it.
    """

    machine: Machine
    project: Project
    images: Images
    volumes: Path
    containers: dict[str, Container] = field(default_factory=dict)
    _addresses: dict[str, str] = field(default_factory=dict)
    _publisher: subprocess.Popen[bytes] | None = None

    def up(self, *names: str, seconds: float = 300, dependencies: bool = True) -> None:
        """Start services in the order of what they wait for; return when all are healthy or, without a check, run."""
        wanted = self._wanted(names, dependencies=dependencies)
        for service in wanted:
            for name in self._names(service):
                if name not in self.containers:
                    self.containers[name] = self._made(
                        name, service, self.images.of(service, self.project)
                    )
        self._tell_names()
        deadline = time.monotonic() + seconds
        waiting = [
            one for one in self.containers.values() if one.service in wanted and not one.is_running
        ]
        for container in waiting:  # who waits for one of them waits for what is to come
            container.forget()
        while waiting:
            for container in [one for one in waiting if self._may_start(one)]:
                container.start()
                waiting.remove(container)
            self._wait(
                lambda: any(map(self._may_start, waiting)) or not waiting,
                deadline - time.monotonic(),
                self.containers.values(),
            )
        self._publish()
        self.wait_until_healthy(*names, seconds=deadline - time.monotonic())

    def wait_until_healthy(self, *names: str, seconds: float = 120) -> None:
        """Wait until these services are healthy, all where none is named; raise DeploymentError."""
        wanted = [one for one in self.containers.values() if not names or one.service.name in names]
        self._wait(lambda: all(map(is_ready, wanted)), seconds, wanted)

    def stop(self, *names: str) -> None:
        """Stop services, all where none is named: those first that others do not need."""
        self._stop(*names)
        self._tell_names()

    def _stop(self, *names: str) -> None:
        chosen = [one for one in self.containers.values() if not names or one.service.name in names]
        while chosen:
            needed = {name for one in chosen for name in one.service.depends_on}
            now = [one for one in chosen if one.service.name not in needed] or chosen
            threads = [threading.Thread(target=one.stop) for one in now]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            chosen = [one for one in chosen if one not in now]

    def start(self, *names: str) -> None:
        """Start services again that were stopped."""
        for one in self.of(*names):
            one.start()
        self._tell_names()

    def replace(
        self, project: Project, *names: str, dependencies: bool = True, seconds: float = 300
    ) -> None:
        """Do `up` for another version of the project, where services that differ are made anew."""
        self.project = project
        changed = [
            name
            for name in names
            if any(one.service != project.services[name] for one in self.of(name))
        ]
        if changed:
            self.stop(*changed)
        for one in self.of(*changed):
            one.remove()
            del self.containers[one.name]
        self.up(*names, seconds=seconds, dependencies=dependencies)

    def scale(self, name: str, number: int) -> None:
        """Do `up --no-deps --scale NAME=NUMBER`: start more containers of a service, or stop the last ones."""
        service = replace(self.project.services[name], scale=number)
        self.project = replace(self.project, services={**self.project.services, name: service})
        for one in self.of(name)[number:]:
            one.stop()
            one.remove()
            del self.containers[one.name]
        self.up(name, dependencies=False)

    def run(
        self,
        name: str,
        *words: str,
        environment: dict[str, str] | None = None,
        entrypoint: str = "",
        seconds: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run a one-off container of a service, with other words than its own where there are any."""
        service = self.project.services[name]
        once = replace(service, restart="no", health=None, ports=(), command=words or service.command,
                       entrypoint=(entrypoint,) if entrypoint else service.entrypoint,
                       environment={**service.environment, **(environment or {})})  # fmt: skip
        number = sum(one.startswith(f"{name}-run-") for one in self._addresses) + 1
        image = self.images.of(service, self.project)
        container = self._made(f"{name}-run-{number}", once, image, is_one_off=True)
        self._tell_names()
        container.start()
        until(lambda: container.exit_code is not None, seconds)
        container.stop()
        said, errors = (
            file.read_text(errors="replace") for file in (container.log, container.errors)
        )
        container.remove()
        return subprocess.CompletedProcess(container.command, container.exit_code, said, errors)

    def of(self, *names: str) -> list[Container]:
        """Return the containers of services."""
        return [one for one in self.containers.values() if one.service.name in names]

    def address(self, name: str) -> str:
        """Return the address of a service's first container in the machine's network."""
        return self._addresses[self.of(name)[0].name]

    def url(self, name: str, target: int, scheme: str = "http") -> str:
        """Return where a published port of a service is reached from inside the machine's network."""
        [port] = [one for one in self.project.services[name].ports if one.target == target]
        return f"{scheme}://127.0.0.1:{port.published}"

    def down(self) -> None:
        """Stop all of it for good."""
        self._stop()
        if self._publisher is not None:
            self._publisher.kill()
            self._publisher.wait()

    def _wanted(self, names: Sequence[str], *, dependencies: bool) -> list[Service]:
        """Return the services to start: those named, or all that are active, and what they depend on."""
        wanted = [*(names or self.project.active)]
        for name in wanted:  # grows on the way
            for other, dependency in self.project.services[name].depends_on.items():
                is_there = dependency.required or other in self.project.active
                if dependencies and is_there and other not in wanted:
                    wanted.append(other)
        return [self.project.services[name] for name in wanted]

    @staticmethod
    def _names(service: Service) -> Iterator[str]:
        yield from (f"{service.name}-{number + 1}" for number in range(service.scale))

    def _made(
        self, name: str, service: Service, image: Image, *, is_one_off: bool = False
    ) -> Container:
        if name not in self._addresses:
            self._addresses[name] = self.machine.add_host(name)
        container = Container(
            machine=self.machine, service=service, image=image, name=name, network=name, is_one_off=is_one_off,
            mounts=[*self._mounts(service, image), *((one, str(one), True) for one in self.images.binds),
                    (self._hosts, "/etc/hosts", True)],
        )  # fmt: skip
        container.make()
        return container

    @property
    def _hosts(self) -> Path:
        """The file of names that all containers share."""
        hosts = self.machine.folder / "hosts"
        self.machine.path(hosts).touch()
        return hosts

    def _mounts(self, service: Service, image: Image) -> Iterator[tuple[Path, str, bool]]:
        for mount in service.mounts:
            if not mount.is_volume:
                yield (self.project.folder / mount.source).resolve(), mount.target, mount.read_only
                continue
            volume = self.volumes / mount.source
            if not volume.exists():  # a new one is as the folder is in the image
                volume.mkdir(parents=True)
                layers = [
                    self.machine.path(Path(one)) / mount.target.lstrip("/") for one in image.layers
                ]
                like = next((one for one in layers if one.is_dir()), volume)
                shutil.copymode(like, volume)
                os.chown(volume, like.stat().st_uid, like.stat().st_gid)
            yield volume, mount.target, mount.read_only

    def _tell_names(self) -> None:
        """Write the names of all containers where all of them find them: of services, containers and hosts.

        At once, over what is there: a reader never finds the file empty, nor cut. Mounted, it cannot be replaced.
        """
        lines = ["127.0.0.1 localhost", *(
            f"{self._addresses[one.name]} {one.service.name} {one.name} {one.id}" for one in self.containers.values()
        )]  # fmt: skip
        text = "\n".join(lines).encode()
        assert len(text) < HOSTS_BYTES
        with self.machine.path(self._hosts).open("r+b", buffering=0) as file:
            file.write(text.ljust(HOSTS_BYTES, b"\n"))

    def _may_start(self, container: Container) -> bool:
        """Tell whether what a container waits for is so."""
        return all(
            is_so(other, dependency.condition)
            for name, dependency in container.service.depends_on.items()
            for other in self.of(name)
        )

    def _wait(
        self, is_over: Callable[[], bool], seconds: float, whom: Collection[Container]
    ) -> None:
        """Wait until it is over; raise DeploymentError when that takes too long, or one of them has failed for good."""

        def has_failed() -> bool:
            return any(one.exit_code and not one.keeps_going() for one in whom)

        until(lambda: has_failed() or is_over(), max(0, seconds))
        if has_failed() or not is_over():
            raise DeploymentError("\n".join(self.tail(one) for one in whom if not is_ready(one)))

    def _publish(self) -> None:
        """Pass on what comes to the ports that are published; return when all of them are open."""
        if self._publisher is not None:
            return
        said = [
            f"{port.address}:{port.published}={self._addresses[one.name]}:{port.target}"
            for one in self.containers.values()
            for port in one.service.ports
        ]
        self._publisher = subprocess.Popen(
            [*self.machine.entering(), "--", sys.executable, str(Path(__file__).with_name("published.py")), *said],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={},
        )  # fmt: skip
        assert self._publisher.stdout is not None
        with self._publisher.stdout as said_by_it:
            is_open = bool(said_by_it.readline())
        if not is_open:
            raise DeploymentError(f"nobody could listen at {', '.join(said)}")

    @staticmethod
    def tail(container: Container) -> str:
        """Return how a container is, and the end of what it said."""
        state = (
            f"{container.health.state}, code {container.exit_code}, {container.restarts} restarts"
        )
        said = container.log.read_text(errors="replace") if container.log.exists() else ""
        checked = f"  its health check says: {container.health.said.strip()}"
        lines = [f"  {line}" for line in said.splitlines()[-LOG_LINES:]]
        return "\n".join([f"{container.name}: {state}", checked, *lines])


def is_so(container: Container, condition: str) -> bool:
    """Tell whether a container is as another that depends on it wants it."""
    match condition:
        case "service_completed_successfully":
            return container.exit_code == 0
        case "service_healthy":
            return container.health.state == "healthy"
    return container.is_running


def is_ready(container: Container) -> bool:
    """Tell whether a container is healthy, runs where it has no health check, or has done what it was for."""
    if container.keeps_going():
        return container.is_running and (
            container.health.state == "healthy" or not container.service.health
        )
    return container.exit_code == 0
