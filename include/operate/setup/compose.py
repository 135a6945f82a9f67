"""What `docker-compose.yaml` gives a service, as `docker compose` would with these values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml

from include.operate.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "docker-compose.yaml"
INTERPOLATION: Final = re.compile(
    r"\$(?:\$|\{(?P<name>\w+)(?:(?P<operator>:?[-?])(?P<rest>[^}]*))?\})"
)


def environment_of(service: str, *, folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service; CommandError where there is no such file or service."""
    try:
        services = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))["services"]
        found = services[service]["environment"]
    except (OSError, KeyError) as error:
        raise CommandError(f"{folder / FILE} has no service {service}") from error
    return {name: interpolated(str(value), values) for name, value in found.items()}


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """Return a text of the file with values in their places: `${A}`, `${A:-else}`, `${A:?why}`, `$$`."""

    def value(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        is_default = (found["operator"] or "").endswith("-")
        return values.get(found["name"], "") or (found["rest"] if is_default else "")

    return INTERPOLATION.sub(value, text)
