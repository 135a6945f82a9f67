"""What the tests of DAGs share: the job's world, given to tasks as Airflow's connections."""

import orjson
import pytest

from tests.jobs.conftest import database, postgres_server, sandbox, sandbox_server, store, world

__all__ = ["database", "postgres_server", "sandbox", "sandbox_server", "store", "world"]


@pytest.fixture
def connected(world, monkeypatch):
    """Give the world, with Airflow's connections leading to it."""
    for name, connection in connections(world).items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)
    return world


def connections(world):
    """Return the connections that the tasks use, as `AIRFLOW_CONN_…` takes them."""
    postgres, url = world.store.connection.info, world.sandbox.url
    extra = {"list_id": "a1b2c3d4e5", "journey_id": 1001, "journey_step_id": 2001}
    documents = {
        "ops_postgres": {
            "conn_type": "postgres",
            "host": postgres.host,
            "port": postgres.port,
            "login": postgres.user,
            "schema": postgres.dbname,
        },
        "stripe": {"conn_type": "http", "host": f"{url}/stripe", "password": "sk_test_x"},
        "clerk": {"conn_type": "http", "host": f"{url}/clerk/v1", "password": "sk_test_x"},
        "smtp": {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": world.sandbox.ask("GET", "healthz")["ports"]["mail"],
            "extra": {"from": "ops@example.org", "encryption": "off"},
        },
        "pagerduty": {
            "conn_type": "http",
            "host": f"{url}/pagerduty/v2",
            "password": "0" * 32,
        },
        "twilio": {
            "conn_type": "http",
            "host": f"{url}/twilio",
            "login": "AC" + "0" * 32,
            "password": "t",
            "extra": {"from": "+15550001111"},
        },
        "luma": {"conn_type": "http", "host": f"{url}/luma", "password": "key"},
        "mailchimp": {
            "conn_type": "http",
            "host": f"{url}/mailchimp/3.0",
            "password": "key-us1",
            "extra": extra,
        },
        "slack": {
            "conn_type": "slack",
            "password": "xoxb-sandbox",
            "extra": {
                "base_url": f"{url}/slack/api/",
                "ops_channel": "C0OPSALERTS",
                "staff_channel": "C0STAFF0001",
                "user_group": "S0MEMBERS01",
                "channels": ["C0MEMBERS01"],
                "profile_field": "Xf0MEMBER01",
            },
        },
        "slack_admin": {
            "conn_type": "slack",
            "password": "xoxp-sandbox",
            "extra": {"base_url": f"{url}/slack/api/"},
        },
    }
    documents["airflow_postgres"] = documents["ops_postgres"]  # without a table of Airflow's
    return {name: orjson.dumps(document).decode() for name, document in documents.items()}
