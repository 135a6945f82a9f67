"""Tell Airflow of the console: its application in the API server, and where its pages stand in the UI."""

import os
import sys

from airflow.plugins_manager import AirflowPlugin


def _is_api_server() -> bool:
    """Tell whether this process serves the UI: every task loads this file, and needs no pages."""
    return "api-server" in sys.argv or bool(os.environ.get("OPS_CONSOLE"))  # noqa: TID251 - no settings here


class OpsConsolePlugin(AirflowPlugin):
    """Registration only: what it does is in `include/console`."""

    name = "ops_console"
    external_views = [  # noqa: RUF012 - Airflow declares it so
        {
            "name": "Ops console",
            "href": "ops/",
            "destination": "nav",
            "url_route": "console",
            "nav_top_level": True,
        },
        {
            "name": "Members",
            "href": "ops/runs/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "members",
        },
    ]
    react_apps = [  # noqa: RUF012 - Airflow declares it so
        {
            "name": "Needs a person",
            "bundle_url": "ops/static/card.js",
            "destination": "dashboard",
        },
    ]


if _is_api_server():
    from include.console.airflow_app import airflow_app

    OpsConsolePlugin.fastapi_apps = [
        {"app": airflow_app(), "url_prefix": "/ops", "name": "Ops console"}
    ]
