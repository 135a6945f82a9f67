"""What a project's compose files say, read as `docker compose` reads them: each interpolated, then merged.

Only what our files use is known. A key that is not is an error, so that nothing they say is passed over in silence.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.production.interpolation import interpolated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHORTHAND = ("environment", "depends_on")  # mappings that may be written as lists
REPLACED = ("command", "entrypoint", "test")  # lists that a later file does not add to
NOT_PLAYED = {"build", "image", "logging", "labels", "security_opt", "profiles"}
"""Known, and of no effect on the processes, or read elsewhere."""
PLAYED = {
    "cap_add", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "init",
    "ports", "restart", "scale", "shm_size", "stop_grace_period", "stop_signal", "user", "volumes", "working_dir",
}  # fmt: skip
EVERYWHERE = "0.0.0.0"  # noqa: S104 - where Docker publishes what has no address
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Override:
    """What a later file marks with `!override`: `value` takes the place of what was there."""

    value: Any


RESET = Override(None)


class Loader(yaml.SafeLoader):
    """YAML with the two tags of compose."""


def _override(loader: Loader, node: yaml.Node) -> Override:
    kinds = {
        yaml.MappingNode: loader.construct_mapping,
        yaml.SequenceNode: loader.construct_sequence,
    }
    construct = kinds.get(type(node))
    return Override(construct(node, deep=True) if construct else loader.construct_scalar(node))


Loader.add_constructor("!override", _override)
Loader.add_constructor("!reset", lambda _loader, _node: RESET)


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How a container is asked whether it is well; the defaults are Docker's."""

    test: tuple[str, ...]
    interval: float = 30
    timeout: float = 30
    retries: int = 3
    start_period: float = 0
    start_interval: float = 5


@dataclass(frozen=True, kw_only=True)
class Port:
    """A container's port that can be reached from its host."""

    address: str
    published: int
    target: int


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A named volume, or a path of the host, in a container."""

    source: str
    target: str
    read_only: bool = False

    @property
    def is_volume(self) -> bool:
        """Tell whether it is kept under a name and not a path of the host."""
        return not self.source.startswith((".", "/", "~"))


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """What a service waits for; one that is not required may be of a profile that is not active."""

    condition: str
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service of a project."""

    name: str
    image: str
    is_built: bool = False
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str | None = None
    working_dir: str | None = None
    init: bool = False
    shm_size: str = "64m"
    no_new_privileges: bool = False
    capabilities: tuple[str, ...] | None = None  # all that it has; None: Docker's usual ones
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    restart: str = "no"
    scale: int = 1
    stop_signal: str | None = None
    stop_grace_seconds: float = 10
    health: HealthCheck | None = None
    profiles: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Project:
    """The services of some compose files; those of a profile that is not active are known, and not started."""

    name: str
    folder: Path
    services: Mapping[str, Service]
    active: frozenset[str]


def load(
    files: Sequence[Path], variables: Mapping[str, str], profiles: Sequence[str] = ()
) -> Project:
    """Read files of one project, later ones over earlier ones; raise MissingVariableError or ValueError."""
    tree: dict[str, Any] = {}
    for file in files:
        text = yaml.load(file.read_text(), Loader)  # noqa: S506 - a safe loader with two tags
        said = _in_long_form(interpolated(text, variables))
        tree = merged(tree, _extended(said, files[0].parent, variables))
    services = {name: _service(name, said) for name, said in tree["services"].items()}
    active = {
        name for name, one in services.items() if not one.profiles or one.profiles & {*profiles}
    }
    return Project(
        name=tree.get("name", files[0].parent.name),
        folder=files[0].parent,
        services={name: _known(one, services) for name, one in services.items()},
        active=frozenset(active),
    )


def _extended(tree: Any, folder: Path, variables: Mapping[str, str]) -> Any:
    """Return a file whose services have what those have that they extend; that file is in the project's folder."""
    for name, service in tree["services"].items():
        if isinstance(service, dict) and (other := service.pop("extends", None)):
            text = yaml.load((folder / other["file"]).read_text(), Loader)  # noqa: S506 - as above
            base = _in_long_form(interpolated(text, variables))["services"][other["service"]]
            tree["services"][name] = merged(base, service)
    return tree


def merged(base: Any, over: Any) -> Any:
    """Return a value of one file with that of a later one over it."""
    if isinstance(over, Override):
        return over.value
    if isinstance(base, dict) and isinstance(over, dict):
        both = {**base}
        for key, value in over.items():
            if value is RESET:
                both.pop(key, None)
            elif key in REPLACED or key not in base:
                both[key] = value.value if isinstance(value, Override) else value
            else:
                both[key] = merged(base[key], value)
        return both
    if isinstance(base, list) and isinstance(over, list):
        return list({_place(one): one for one in [*base, *over]}.values())
    return over


def _place(item: Any) -> str:
    """Return what two entries of a list have in common when the later one replaces the other: a mount's target."""
    parts = str(item).split(":")
    is_mount = len(parts) > 1 and parts[1].startswith("/")
    return parts[1] if is_mount else str(item)


def _in_long_form(tree: Any) -> Any:
    """Return a file whose services have mappings where lists are allowed too, so that they can be merged."""
    for service in tree.get("services", {}).values():
        for key in SHORTHAND if isinstance(service, dict) else ():
            if isinstance(service.get(key), list):
                service[key] = dict(map(SHORT[key], service[key]))
    return tree


def _variable(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name, value


SHORT = {
    "environment": _variable,
    "depends_on": lambda name: (name, {"condition": "service_started"}),
}


def _service(name: str, said: Mapping[str, Any]) -> Service:
    if unknown := {*said} - PLAYED - NOT_PLAYED:
        raise ValueError(f"{name}: this reader does not know {', '.join(sorted(unknown))}")
    environment = said.get("environment", {})
    grace = said.get("stop_grace_period")
    return Service(
        name=name,
        image=said["image"],
        is_built="build" in said,
        entrypoint=_words(said.get("entrypoint")),
        command=_words(said.get("command")),
        environment={key: _text(value) for key, value in environment.items() if value is not None},
        user=said.get("user"),
        working_dir=said.get("working_dir"),
        init=said.get("init", False),
        shm_size=str(said.get("shm_size", "64m")).lower().removesuffix("b"),
        capabilities=_capabilities(said),
        no_new_privileges="no-new-privileges:true" in said.get("security_opt", ()),
        ports=tuple(_port(str(one)) for one in said.get("ports", ())),
        mounts=tuple(_mount(one) for one in said.get("volumes", ())),
        depends_on={
            other: Dependency(condition=one["condition"], required=one.get("required", True))
            for other, one in said.get("depends_on", {}).items()
        },
        restart=said.get("restart", "no"),
        scale=said.get("scale", 1),
        stop_signal=said.get("stop_signal"),
        **({} if grace is None else {"stop_grace_seconds": seconds(grace)}),
        health=_health(said.get("healthcheck")),
        profiles=frozenset(said.get("profiles", ())),
    )


def _known(service: Service, services: Mapping[str, Service]) -> Service:
    """Return a service, or raise ValueError where it waits for one that is not there."""
    if missing := {*service.depends_on} - {*services}:
        raise ValueError(f"{service.name} depends on {missing}, which is no service")
    return service


def _words(said: str | list[Any] | None) -> tuple[str, ...] | None:
    if said is None:
        return None
    return tuple(shlex.split(said) if isinstance(said, str) else map(str, said))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _port(text: str) -> Port:
    *where, target = text.split(":")
    if not where:
        raise ValueError(
            f"port {text} has no number on the host: it would be another at each start"
        )
    address = where[-2] if len(where) > 1 else EVERYWHERE
    return Port(address=address, published=int(where[-1]), target=int(target))


def _mount(said: str | Mapping[str, Any]) -> Mount:
    if isinstance(said, str):
        source, target, *mode = said.split(":")
        return Mount(source=source, target=target, read_only="ro" in mode)
    return Mount(
        source=said["source"], target=said["target"], read_only=said.get("read_only", False)
    )


def _capabilities(said: Mapping[str, Any]) -> tuple[str, ...] | None:
    dropped, added = said.get("cap_drop"), said.get("cap_add", [])
    if dropped is None and not added:
        return None
    if dropped != ["ALL"]:
        raise ValueError(f"capabilities {dropped} are dropped: this reader knows none or all")
    return tuple(added)


def _health(said: Mapping[str, Any] | None) -> HealthCheck | None:
    if said is None or said.get("disable"):
        return None
    test = said["test"]
    if isinstance(test, str):
        test = ["CMD-SHELL", test]
    kind, *words = test
    times = {key: seconds(value) for key, value in said.items() if key not in {"test", "retries"}}
    return HealthCheck(
        test=("/bin/sh", "-c", words[0]) if kind == "CMD-SHELL" else tuple(words),
        retries=said.get("retries", 3),
        **times,
    )


def seconds(text: str) -> float:
    """Return a duration as compose writes it, such as `1m30s`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(text))
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration")
    return sum(float(number) * UNITS[unit] for number, unit in parts)
