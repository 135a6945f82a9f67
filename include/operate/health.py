"""How each part of a deployment is, asked of the part itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from include.relay.airflow_health import PARTS, read_airflow_health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.relay.airflow_health import AirflowHealth


@dataclass(frozen=True, kw_only=True)
class PartHealth:
    """One part: well or not, and in words why."""

    part: str
    ok: bool
    words: str


def all_health(
    *,
    airflow_url: str,
    relay_urls: Sequence[str],
    sandbox_url: str = "",
    timeout_seconds: float = 5,
) -> tuple[AirflowHealth, list[PartHealth]]:
    """Ask Airflow, the relays, and the vendors' stand-ins where there are any; return what Airflow said too."""
    with httpx.Client(timeout=timeout_seconds, trust_env=False) as client:
        health = read_airflow_health(client, airflow_url.rstrip("/"))
        parts = airflow_health(health)
        for number, url in enumerate(relay_urls, 1):
            name = "relay" if len(relay_urls) == 1 else f"relay {number}"
            parts.append(_relay(client, name, url))
        if sandbox_url:
            parts.append(_sandbox(client, sandbox_url))
    return health, parts


def airflow_health(health: AirflowHealth) -> list[PartHealth]:
    """Return each of Airflow's parts, from what Airflow said of them."""
    if health.problem:
        return [PartHealth(part="Airflow API", ok=False, words=health.problem)]
    parts = [
        PartHealth(
            part=name.removeprefix("the "),
            ok=health.parts[key] == "healthy",
            words=health.parts[key],
        )
        for key, name in PARTS.items()
    ]
    return [PartHealth(part="Airflow API", ok=True, words="answers"), *parts]


def _relay(client: httpx.Client, name: str, url: str) -> PartHealth:
    answer = _get(client, f"{url.rstrip('/')}/readyz")
    if isinstance(answer, str):
        return PartHealth(part=name, ok=False, words=answer)
    ready = answer.get("ready") is True
    return PartHealth(part=name, ok=ready, words="can store" if ready else "cannot store")


def _sandbox(client: httpx.Client, url: str) -> PartHealth:
    answer = _get(client, f"{url}/_sandbox/healthz")
    words = answer if isinstance(answer, str) else "answers"
    return PartHealth(part="sandbox", ok=not isinstance(answer, str), words=words)


def _get(client: httpx.Client, url: str) -> dict[str, Any] | str:
    """Return the JSON object at `url`, or in words why there is none."""
    try:
        answer = client.get(url)
        body = answer.json()
    except httpx.TimeoutException:
        return "does not answer in time"
    except httpx.HTTPError:
        return "does not answer"
    except ValueError:
        return f"answers {answer.status_code} without JSON"
    return body if isinstance(body, dict) else f"answers {answer.status_code} with something else"
