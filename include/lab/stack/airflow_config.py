"""How Airflow is set up on one machine: its configuration as environment variables.

Each value that differs from Airflow's default says why; the figures are in `docs/decisions/0002`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PARALLELISM = 4  # two runs in flight, and a person's rerun beside them


@dataclass(frozen=True, kw_only=True)
class AirflowSecrets:
    """What all of Airflow's processes must share, and nobody else may know."""

    fernet_key: str  # 32 random bytes, URL-safe base64
    jwt_secret: str  # signs users' and tasks' tokens
    secret_key: str  # signs what the API server hands to itself


def environment(
    *, checkout: Path, home: Path, database_dsn: str, port: int, secrets: AirflowSecrets
) -> dict[str, str]:
    """Return the `AIRFLOW…` variables of every Airflow process.

    `database_dsn` is a libpq URL (`postgresql://user:password@host:port/name`) of Airflow's own
    database, `home` a folder for its logs, `port` the API server's.
    """
    url = f"http://127.0.0.1:{port}"
    sections: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": checkout / "dags",
            "plugins_folder": checkout / "plugins",
            "load_examples": False,  # each task would import them
            "executor": "include.airflow_host.executor.WarmLocalExecutor",
            "parallelism": PARALLELISM,
            "default_pool_task_slot_count": PARALLELISM,  # else a backlog waits where nobody sees it
            "dags_are_paused_at_creation": False,  # a paused DAG keeps its webhooks waiting
            "execution_api_server_url": f"{url}/execution/",
            "auth_manager": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "fernet_key": secrets.fernet_key,
        },
        "api": {
            "host": "127.0.0.1",
            "port": port,
            "base_url": url,
            "secret_key": secrets.secret_key,
        },
        "api_auth": {"jwt_secret": secrets.jwt_secret},
        "database": {
            "sql_alchemy_conn": _with_driver(database_dsn),
            "sql_alchemy_connect_args": "include.airflow_host.database.CONNECT_ARGS",  # no commit waits for the disk
        },
        "scheduler": {
            "scheduler_idle_sleep_time": 0,  # the executor does the waiting, and can be woken
            "max_tis_per_query": 0,  # as many as `parallelism`
            "task_instance_heartbeat_timeout": 60,  # a frozen task is tried again before its run's time-out
            "orphaned_tasks_check_interval": 10,  # a killed scheduler's tasks go on in 30 s, not 300
        },
        "workers": {"execution_api_timeout": 30},  # 5 s is short on a busy small machine
        "dag_processor": {
            "parsing_processes": 1,
            "refresh_interval": 30,  # a new DAG file is seen within half a minute, not five
            "min_file_process_interval": 120,  # of a file as it was; one that changed is read within a second
        },
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
        for section, options in sections.items()
        for key, value in options.items()
    }
    return {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(checkout), **variables}


def _with_driver(dsn: str) -> str:
    """Name psycopg2, which Airflow's engine options are made for."""
    return dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
