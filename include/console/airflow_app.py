"""The console as Airflow's API server has it: its login, its address, the environment's database."""

from functools import partial

from airflow.configuration import conf
from fastapi import FastAPI

from include.console.airflow_login import airflow_login
from include.console.airflow_start import airflow_start
from include.console.app import create_app
from include.operate.deployment import from_environment


def airflow_app() -> FastAPI:
    """Return the application to be mounted under `/ops`."""
    url = conf.get("api", "base_url", fallback="http://localhost:8080")
    return create_app(
        deployment=partial(from_environment, airflow_url=url),
        login=airflow_login,
        start=airflow_start,
    )
