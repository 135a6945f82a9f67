"""How each part of a deployment is, asked of the part itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AIRFLOW_PARTS = {
    "metadatabase": "Airflow's database",
    "scheduler": "scheduler",
    "triggerer": "triggerer",
    "dag_processor": "DAG processor",
}


@dataclass(frozen=True, kw_only=True)
class Health:
    """One part: well or not, and in words why."""

    part: str
    ok: bool
    words: str


def execution_api_answers(airflow_url: str) -> bool:
    """Tell whether Airflow answers its tasks; the first time it is asked, it takes seconds."""
    with httpx.Client(timeout=30, trust_env=False) as client:
        return isinstance(_get(client, f"{airflow_url}/execution/health"), dict)


def all_health(
    *,
    airflow_url: str,
    relay_urls: Sequence[str],
    sandbox_url: str = "",
    timeout_seconds: float = 5,
) -> list[Health]:
    """Ask Airflow, the relays, and the vendors' stand-ins where there are any."""
    with httpx.Client(timeout=timeout_seconds, trust_env=False) as client:
        parts = airflow_health(client, airflow_url)
        for number, url in enumerate(relay_urls, 1):
            name = "relay" if len(relay_urls) == 1 else f"relay {number}"
            parts.append(_relay(client, name, url))
        return [*parts, _sandbox(client, sandbox_url)] if sandbox_url else parts


@dataclass(frozen=True, kw_only=True)
class JobsHealth:
    """How the jobs are, as the relay judges it: healthy, idle, unknown or unhealthy."""

    status: str
    reasons: tuple[str, ...]
    jobs: dict[str, dict[str, Any]]  # job → status and numbers


def jobs_health(relay_url: str, *, timeout_seconds: float = 5) -> JobsHealth:
    """Ask a relay for its verdict about the jobs."""
    with httpx.Client(timeout=timeout_seconds, trust_env=False) as client:
        answer = _get(client, f"{relay_url}/health/jobs")
    if isinstance(answer, str):
        return JobsHealth(status="unknown", reasons=(f"the relay {answer}",), jobs={})
    return JobsHealth(
        status=str(answer.get("status")),
        reasons=tuple(answer.get("reasons", ())),
        jobs=answer.get("jobs", {}),
    )


def airflow_health(client: httpx.Client, url: str) -> list[Health]:
    """Ask Airflow at this address how its parts are; nobody has to log in for that."""
    answer = _get(client, f"{url.rstrip('/')}/api/v2/monitor/health")
    if isinstance(answer, str):
        return [Health(part="Airflow API", ok=False, words=answer)]
    parts = []
    for key, name in AIRFLOW_PARTS.items():
        status = (answer.get(key) or {}).get("status") or "has not reported yet"
        parts.append(Health(part=name, ok=status == "healthy", words=status))
    return [Health(part="Airflow API", ok=True, words="answers"), *parts]


def _relay(client: httpx.Client, name: str, url: str) -> Health:
    answer = _get(client, f"{url.rstrip('/')}/readyz")
    if isinstance(answer, str):
        return Health(part=name, ok=False, words=answer)
    ready = answer.get("ready") is True
    return Health(part=name, ok=ready, words="can store" if ready else "cannot store")


def _sandbox(client: httpx.Client, url: str) -> Health:
    answer = _get(client, f"{url}/_sandbox/healthz")
    words = answer if isinstance(answer, str) else "answers"
    return Health(part="sandbox", ok=not isinstance(answer, str), words=words)


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


def ill(healths: Iterable[Health]) -> list[Health]:
    """Return those that are not well."""
    return [health for health in healths if not health.ok]
