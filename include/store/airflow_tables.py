"""Airflow's own tables, as far as the clean-up and `./ops doctor` look at them; only Airflow changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from include.store.sql import queries

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

SQL = queries("airflow_tables")


class AirflowTables:
    """Airflow's metadata over a connection of its own."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Take over `connection`, which must be psycopg 3."""
        connection.autocommit = True
        connection.row_factory = dict_row
        self.connection = connection

    def waiting_dags(self, *, begun_before: datetime) -> list[str]:
        """Return the DAGs that have a run or a task which began before and has not ended."""
        rows = SQL.read_waiting_dags(self.connection, begun_before=begun_before)
        return [row["dag_id"] for row in rows]

    def permissions_of(self, username: str) -> set[tuple[str, str]]:
        """Return what a user may do: action and resource, in the words of Airflow's FAB auth manager."""
        rows = SQL.read_permissions(self.connection, username=username)
        return {(row["action"], row["resource"]) for row in rows}

    def pools(self) -> dict[str, int]:
        """Return the slots of each pool; -1 is without limit."""
        return {row["pool"]: row["slots"] for row in SQL.read_pools(self.connection)}

    def import_errors(self) -> list[str]:
        """Return the files that cannot be imported, from their bundle's folder."""
        return [row["filename"] for row in SQL.read_import_errors(self.connection)]
