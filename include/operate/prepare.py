"""Bring a production's databases to this version of the code: `python -m include.operate.prepare`.

The same steps as `./ops up` takes on one machine, from the environment of a container: Airflow's tables,
the ops tables, the roles, and the users `admin`, `relay` and `reconciler`. Each may run again at any time. It never
makes the platform's tables: those are the platform's. Where there is no platform (a trial with the
sandbox), `--platform-tables` makes them and does nothing else.
"""

from __future__ import annotations

import sys

from pydantic import Field, SecretStr

from include.alerts import rules
from include.membership import policy
from include.settings import Settings
from include.store.migrate import create_platform_tables, has_platform_tables, migrate

NO_PLATFORM = "there is no table public.users: OPS_DATABASE_URL must be the platform's database"
EXAMPLE = frozenset({"prod_leader", "prod_pro", "prod_community"})  # products of the sandbox
STILL_THE_EXAMPLE = (
    "include/membership.yaml still names the sandbox's products: each member whose subscription changes"
    " would lose her membership. Put your own ids in (docs/membership.md), and start again"
)


class ProductionSettings(Settings):
    """The settings, with the passwords that this step sets; none may be left out or short."""

    airflow_admin_password: SecretStr = Field(min_length=16)
    airflow_password: SecretStr = Field(min_length=16)  # the relay's
    airflow_reconciler_password: SecretStr = Field(min_length=16)
    sandbox_url: str = ""  # where the sandbox is in the vendors' place


def prepare(settings: ProductionSettings) -> None:
    """Do all of it; exit with one line where the platform's tables, or the policy's own ids, are not there."""
    rules.load()  # rules that cannot be used keep all else from starting: nobody would be told of anything
    named = policy.load()  # and without a policy nobody knows who is a member
    if not settings.sandbox_url and any(
        EXAMPLE.intersection(plan.products) for plan in named.plans
    ):
        sys.exit(STILL_THE_EXAMPLE)
    dsn = settings.database_url.get_secret_value()
    if not has_platform_tables(dsn):
        sys.exit(NO_PLATFORM)
    from airflow.utils.db import upgradedb  # noqa: PLC0415 - takes seconds, and reads its settings

    from include.airflow_api import roles  # noqa: PLC0415 - imports Airflow too

    upgradedb()
    migrate(dsn)
    passwords = {
        "admin": settings.airflow_admin_password,
        "relay": settings.airflow_password,
        "reconciler": settings.airflow_reconciler_password,
    }
    roles.set_up({name: password.get_secret_value() for name, password in passwords.items()})
    _size_default_pool()


def _size_default_pool() -> None:
    """Give the pool of all tasks as many slots as may run at once, which differs between the forms of production."""
    from airflow.configuration import conf  # noqa: PLC0415 - imports Airflow
    from airflow.models import Pool  # noqa: PLC0415 - the table, not the SDK's

    slots = conf.getint("core", "default_pool_task_slot_count")
    Pool.create_or_update_pool(
        Pool.DEFAULT_POOL_NAME, slots, "As many as run at once", include_deferred=False
    )


def main(arguments: list[str]) -> None:
    """Prepare, or make the platform's tables."""
    if arguments == ["--platform-tables"]:
        settings = Settings()  # from the environment
        create_platform_tables(settings.database_url.get_secret_value())
    elif arguments:
        sys.exit("usage: python -m include.operate.prepare [--platform-tables]")
    else:
        prepare(ProductionSettings())  # from the environment


if __name__ == "__main__":
    main(sys.argv[1:])
