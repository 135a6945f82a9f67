"""Prepare the databases of a stack: `python -m include.lab.stack.prepare STATE_FOLDER`.

Everything in one process, because each start of Airflow's command line costs seconds: roles and
databases, Airflow's tables, the ops tables, users and pools. Each part may run
again at any time. `fingerprint` says what all of it was made from: as long as that is true, a start
skips it.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from include.lab.stack.airflow_config import PARALLELISM
from include.lab.stack.airflow_settings import Pool
from include.lab.stack.layout import Layout
from include.lab.stack.stack import load_stack

if TYPE_CHECKING:
    from include.lab.stack.airflow_settings import AirflowSettings
    from include.lab.stack.stack import Stack

DEFAULT_POOL = Pool(name="default_pool", slots=PARALLELISM, description="As many as run at once")
MADE_FROM = (
    "requirements.lock",
    "airflow_settings.yaml",
    "include/store/platform.sql",
    "include/store/migrations/**/*.py",
    "include/routing.py",
    "include/airflow_api/roles.py",
    "include/lab/stack/airflow_config.py",
    "include/lab/stack/airflow_settings.py",
    "include/lab/stack/databases.py",
    "include/lab/stack/prepare.py",
)


def fingerprint(layout: Layout, stack: Stack) -> str:
    """Return a hash of everything that the prepared databases depend on."""
    digest = hashlib.sha256(repr(sorted(asdict(stack).items())).encode())
    for pattern in MADE_FROM:
        for path in sorted(layout.root.glob(pattern)):
            digest.update(str(path.relative_to(layout.root)).encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def dag_ids(layout: Layout) -> list[str]:
    """Return the DAGs of the checkout: one file is one DAG of the same name."""
    return sorted(path.stem for path in (layout.root / "dags").glob("*.py"))


def prepare(layout: Layout, stack: Stack) -> None:
    """Do all of it, in this order."""
    from include.airflow_api import roles  # noqa: PLC0415 - one at a time,
    from include.lab.stack import airflow_settings, databases  # noqa: PLC0415 - one at a time,
    from include.store.migrate import (  # noqa: PLC0415 - Airflow's
        create_platform_tables,
        has_platform_tables,
        migrate,
    )

    if stack.runs_postgres:
        databases.create(stack)
    _migrate_airflow()
    migrate(stack.database_url)
    if not has_platform_tables(stack.database_url):
        create_platform_tables(stack.database_url)
    people = {name: user["password"] for name, user in stack.users.items()}
    services = {"relay": stack.relay_password, "reconciler": stack.reconciler_password}
    roles.set_up({**people, **services})
    file = airflow_settings.read(layout.root / "airflow_settings.yaml")
    _load(airflow_settings.for_stack(file, stack))


def _migrate_airflow() -> None:
    """Make or bring up to date Airflow's own tables, and FAB's."""
    from airflow.utils.db import upgradedb  # noqa: PLC0415

    upgradedb()


def _load(settings: AirflowSettings) -> None:
    """Write pools and variables into Airflow's database; connections are in its processes' environment."""
    from airflow import models  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    pool, variable = models.Pool, models.Variable  # noqa: AIR311 - tables, not the SDK's
    with create_session() as session:
        for one in (DEFAULT_POOL, *settings.pools):
            pool.create_or_update_pool(
                one.name, one.slots, one.description, include_deferred=False, session=session
            )
        for setting in settings.variables:
            variable.set(setting.key, setting.value, session=session)


def main(state: str) -> None:
    """Prepare the stack kept in the folder `state`."""
    layout = Layout(state=Path(state))
    stack = load_stack(layout.stack_file)
    if stack is None:
        sys.exit(f"there is no stack in {state}")
    prepare(layout, stack)


if __name__ == "__main__":
    main(*sys.argv[1:])
