"""Images made without Docker: layers are folders on the machine, a Dockerfile's commands run in a container."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.production import images
from tests.production.container import Container
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.production.compose import Project, Service
    from tests.production.images import Dockerfile, Image
    from tests.production.machine import Machine

COMMAND_SECONDS = 300


class BuildError(Exception):
    """A command of the Dockerfile failed; the text is what it said."""


class Images:
    """The images of one machine, each made when it is first asked for."""

    def __init__(self, machine: Machine, packages: Path) -> None:
        """Have none yet; `packages` is the Python environment of ours."""
        self._machine, self._packages = machine, packages
        self._made: dict[str, Image] = {}
        self.trees: dict[str, Path] = {}  # of versions that are not the project's own folder
        self._base = machine.folder / "base"
        machine.path(self._base).mkdir()
        self.binds = images.base_layer(machine.path(self._base), packages=packages)

    def of(self, service: Service, project: Project) -> Image:
        """Return a service's image; raise BuildError, or LookupError for one of others that nobody knows."""
        if service.image not in self._made:
            make = self._built if service.is_built else self._of_others
            self._made[service.image] = make(service, project)
        return self._made[service.image]

    def _of_others(self, service: Service, _project: Project) -> Image:
        return images.with_layers(images.of_others(service.image), self._base)

    def _built(self, service: Service, project: Project) -> Image:
        """Do what the project's Dockerfile says."""
        version = service.image.rpartition(":")[2]
        dockerfile = images.Dockerfile(self.trees.get(version, project.folder))
        layer = self._machine.folder / "images" / re.sub(r"\W", "_", service.image)
        self._copy(dockerfile, layer)
        path = f"{self._packages}/bin:/home/airflow/.local/bin:{images.SYSTEM_PATH}"
        base = {**images.AIRFLOW.environment, "VIRTUAL_ENV": str(self._packages), "PATH": path}
        image = replace(images.AIRFLOW, environment=dockerfile.environment(base))
        image = images.with_layers(image, layer, self._base)
        return self._after(dockerfile.commands(), image, service)

    def _copy(self, dockerfile: Dockerfile, layer: Path) -> None:
        for source, target in dockerfile.copied():
            to = self._machine.path(layer / target.lstrip("/"))
            if source.is_dir():
                shutil.copytree(source, to, ignore=dockerfile.ignore, dirs_exist_ok=True)
            else:
                to = to / source.name if target.endswith("/") else to
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, to)
        self._machine.run("chown", "-R", images.USERS["airflow"], str(layer))
        # Folders on the way belong to the system, as in the image; /tmp is everybody's.
        self._machine.run("sh", "-euc", 'cd "$0"; mkdir -p tmp; chmod 1777 tmp', str(layer))

    def _after(self, commands: Sequence[str], image: Image, service: Service) -> Image:
        """Return an image in which commands have been run, as its user; what each wrote is a layer of it."""
        for number, command in enumerate(commands):
            step = replace(
                service, entrypoint=("/bin/sh", "-c", command), command=(), environment={}, mounts=(),
                health=None, restart="no",
            )  # fmt: skip
            name = f"build-{number}-{len(self._made)}"
            container = Container(
                machine=self._machine, service=step, image=image, name=name, network=name,
                mounts=[(one, str(one), True) for one in self.binds],
            )  # fmt: skip
            self._machine.add_host(name)
            container.make()
            container.start()
            until(lambda done=container: done.exit_code is not None, COMMAND_SECONDS)
            if container.exit_code != 0:
                raise BuildError(f"{command}: {container.log.read_text(errors='replace')}")
            image = images.with_layers(image, container.folder / "upper")
        return image
