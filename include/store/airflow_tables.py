"""Airflow's own tables, as far as the clean-up has to look at them; only Airflow's command changes them."""

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
        self._connection = connection

    def waiting_dags(self, *, begun_before: datetime) -> list[str]:
        """Return the DAGs that have a run or a task which began before and has not ended."""
        rows = SQL.read_waiting_dags(self._connection, begun_before=begun_before)
        return [row["dag_id"] for row in rows]
