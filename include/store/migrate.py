"""Bring the database to this version of the code: `python -m include.store.migrate`.

Safe to run again and from several processes at once: one works, the others wait for it and find
nothing to do.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from include.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

log = structlog.get_logger(__name__)

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
LOCK = 0x6F7073  # "ops": what changes the schema holds it


def migrate(dsn: str, *, revision: str = "head") -> None:
    """Apply what is missing up to `revision`, all of it or nothing.

    Tables of a newer version are left as they are: none takes away what this one needs (docs/operations/way-back.md).
    """
    with _locked(dsn) as connection:
        if (found := _version_of(connection)) > max(versions()):
            log.warning("migrate.newer", found=found, known=max(versions()))
            return
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS ops")
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def versions() -> list[str]:
    """Return all migrations of this version of the code, the newest first."""
    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]


def create_platform_tables(dsn: str) -> None:
    """Make the platform's tables where no platform is: the local stack and the tests."""
    with _locked(dsn) as connection:
        connection.exec_driver_sql((HERE / "platform.sql").read_text(encoding="utf-8"))


def has_platform_tables(dsn: str) -> bool:
    """Tell whether a platform is there: its tables are its own, and we never alter them."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT to_regclass('public.users') IS NOT NULL").fetchone()
        return bool(row and row[0])


def _version_of(connection: Connection) -> str:
    """Return the version of the tables, nothing where there are none; versions are numbers of four digits."""
    table = connection.exec_driver_sql("SELECT to_regclass('ops.schema_version')").scalar()
    if table is None:
        return ""
    return str(
        connection.exec_driver_sql("SELECT max(version_num) FROM ops.schema_version").scalar() or ""
    )


@contextmanager
def _locked(dsn: str) -> Iterator[Connection]:
    """Give one transaction that no other change of the schema runs beside."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        yield connection


if __name__ == "__main__":
    migrate(load_settings().database_url.get_secret_value())
