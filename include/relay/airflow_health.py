"""How Airflow's parts are, as Airflow says: `GET /api/v2/monitor/health`, which needs no user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT: Final = httpx.Timeout(5, connect=2)
PARTS: Final = {
    "metadatabase": "Airflow's database",
    "scheduler": "the scheduler",
    "triggerer": "the triggerer",
    "dag_processor": "the DAG processor",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AirflowHealth:
    """What Airflow said last; with a problem it said nothing."""

    problem: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)  # part → healthy, unhealthy, silent


def read_airflow_health(client: httpx.Client, airflow_url: str) -> AirflowHealth:
    """Ask Airflow once; whatever answers instead of it is a problem, never an exception."""
    try:
        answer = client.get(f"{airflow_url}/api/v2/monitor/health")
        document = answer.json()
    except httpx.HTTPError as error:
        return AirflowHealth(problem=f"Airflow does not answer ({type(error).__name__})")
    except ValueError:
        return AirflowHealth(problem=f"something else than Airflow answers ({answer.status_code})")
    if not answer.is_success or not isinstance(document, dict):
        return AirflowHealth(problem=f"Airflow answers {answer.status_code}")
    return AirflowHealth(parts={key: _status(document.get(key)) for key in PARTS})


def _status(part: object) -> str:
    status = part.get("status") if isinstance(part, dict) else None
    return status if isinstance(status, str) else "silent"
