"""Secrets of Airflow's own, changed by the lines that `ops rotate` prints, on a real Postgres with Airflow's tables."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken
from werkzeug.security import check_password_hash

from include.interview.env_file import EnvFile
from include.operate.setup.interview import trial
from include.store.migrate import create_platform_tables
from tests.compose_lines import Lines, lines_in

ROOT = Path(__file__).parents[2]
OPS, AIRFLOW = "rotate_ops_test", "rotate_airflow_test"
VENDOR = json.dumps({"conn_type": "http", "password": "kept"})


@pytest.fixture
def lines(postgres_server, tmp_path):
    """Give a deployment between two databases, prepared as `docker compose run --rm prepare` does."""
    for name in (OPS, AIRFLOW):
        postgres_server.execute(f"DROP DATABASE IF EXISTS {name}")
        postgres_server.execute(f"CREATE DATABASE {name}")
    create_platform_tables(postgres_server.dsn(OPS))
    for name in ("docker-compose.yaml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    env = EnvFile(tmp_path / ".env")
    env.set("OPS_DATABASE_URL", postgres_server.dsn(OPS))
    address = postgres_server.dsn(AIRFLOW).replace("postgresql", "postgresql+psycopg2", 1)
    env.set("AIRFLOW_DATABASE_URL", address)
    env.set("OPS_SANDBOX_URL", "http://sandbox:8026")
    trial(env)
    nothing = dict.fromkeys(("airflow", "relay-1", "relay-2"), lambda: None)
    lines = Lines(tmp_path, start=nothing, environment={"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"})
    lines.run("docker compose run --rm prepare")
    return lines


def value(lines, name):
    return EnvFile(lines.folder / ".env").get(name)


def rotate(lines, name):
    """Carry out every step, line by line."""
    printed = lines.ops("rotate", name)
    while following := lines_in(printed):
        for line in following:
            printed = lines.run(line)
    assert f"{name} is rotated" in printed


@pytest.mark.only_with("--long")  # tests/production/test_rotate.py does the same on production
@pytest.mark.timeout(400)
def test_passwords_of_users_and_the_fernet_key_change(lines, postgres_server):
    """Who has the old password is refused from then on; what was encrypted with the old key is read with the new."""
    users = ("relay", "reconciler", "admin")
    variables = {
        "relay": "OPS_AIRFLOW_PASSWORD",
        "reconciler": "OPS_AIRFLOW_RECONCILER_PASSWORD",
        "admin": "OPS_AIRFLOW_ADMIN_PASSWORD",
    }
    old = {user: value(lines, variables[user]) for user in users}
    old_key = value(lines, "AIRFLOW_FERNET_KEY")
    lines.run(
        f"docker compose run --rm --entrypoint airflow ops connections add --conn-json '{VENDOR}' mine"
    )
    [[encrypted]] = postgres_server.execute("SELECT password FROM connection", database=AIRFLOW)
    assert Fernet(old_key).decrypt(encrypted.encode()) == b"kept"

    for user in users:
        rotate(lines, f"airflow-{user}")
    rotate(lines, "airflow-fernet")

    rows = postgres_server.execute("SELECT username, password FROM ab_user", database=AIRFLOW)
    hashes = dict(rows)
    assert set(hashes) == set(users)
    for user in users:
        assert check_password_hash(hashes[user], value(lines, variables[user]))
        assert not check_password_hash(hashes[user], old[user])
    new_key = value(lines, "AIRFLOW_FERNET_KEY")
    [[encrypted]] = postgres_server.execute("SELECT password FROM connection", database=AIRFLOW)
    assert Fernet(new_key).decrypt(encrypted.encode()) == b"kept"
    with pytest.raises(InvalidToken):
        Fernet(old_key).decrypt(encrypted.encode())
