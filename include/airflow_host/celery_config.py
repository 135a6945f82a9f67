"""Celery's settings on several hosts: `[celery] celery_config_options = include.airflow_host.celery_config.CONFIG`.

The provider's own, and three things more. A worker warms up before it forks its processes. It shows that it is alive,
and connected to the broker, by the time of a file, so that a health check does not have to start Airflow. And while the
broker is away a task is sent again until it is back, instead of failing (`[celery] operation_timeout` ends one attempt,
`task_publish_max_retries` all).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import heartbeat_sent, worker_init

from include.airflow_host.warm import warm_up

ALIVE: Final = Path("/tmp/celery-worker-alive")  # noqa: S108 - of a container of its own, and never read by us

CONFIG: Final = {
    **DEFAULT_CELERY_CONFIG,
    "task_publish_retry_policy": {"max_retries": None, "interval_start": 0.1, "interval_max": 0.5},
}


def show_life(**_signal: object) -> None:
    """Note the time; a worker without a broker sends no heartbeat."""
    ALIVE.touch()


worker_init.connect(warm_up)
heartbeat_sent.connect(show_life)
