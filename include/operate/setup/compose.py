"""What the compose files give a service, as `docker compose` would with these values, and how one is started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from include.errors import CommandError
from include.interview.env_file import interpolated, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILE: Final = "docker-compose.yaml"
FILES: Final = "COMPOSE_FILE"
"""The variable in which `.env` names more files than this one: `docker-compose.yaml:deploy/compose.celery.yaml`."""
READ_ONCE: Final = frozenset({"postgres"})  # which looks at its passwords on an empty volume only


def environment_of(service: str, *, folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service; CommandError where there is no such file or service."""
    found = _services(folder, values)
    if service not in found:
        raise CommandError(f"{folder / FILE} has no service {service}")
    return _environment(found[service], values)


def services_given(name: str, *, folder: Path, values: Mapping[str, str]) -> list[str]:
    """Return the services that run all the time and that a value of `.env` reaches: relays first, the broker last."""
    other = {**values, name: "another value, to see whom it reaches"}
    given = [
        service
        for service, document in _services(folder, values).items()
        if _stays_up(document)
        and service not in READ_ONCE
        and _environment(document, resolved(values)) != _environment(document, resolved(other))
    ]
    return sorted(given, key=lambda one: (one == "redis", not one.startswith("relay")))


def start_anew(services: Sequence[str]) -> list[str]:
    """Return the lines that replace services by ones with the present `.env`, one after the other.

    Each is waited for until it is healthy, so one relay always takes webhooks.
    """
    return [f"docker compose up --detach --no-deps --wait {service}" for service in services]


def _services(folder: Path, values: Mapping[str, str]) -> dict[str, Any]:
    """Read the services of all files; a later file adds to what an earlier one says of a service."""
    found: dict[str, Any] = {}
    for name in (values.get(FILES) or FILE).split(":"):
        try:
            text = (folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{folder / name} cannot be read") from error
        document = yaml.load(text, Loader=yaml.CSafeLoader)  # ten times as fast as in Python
        for service, more in document["services"].items():
            known = found.get(service) or found.get(more.get("extends", {}).get("service"), {})
            environment = {**known.get("environment", {}), **(more.get("environment") or {})}
            found[service] = {**known, **more, "environment": environment}
    return found


def _environment(service: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    return {name: interpolated(str(one), values) for name, one in service["environment"].items()}


def _stays_up(service: Mapping[str, Any]) -> bool:
    return (
        "profiles" not in service and service.get("restart") != "no" and service.get("scale", 1) > 0
    )
