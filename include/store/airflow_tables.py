"""Airflow's own tables, as far as we look at them.

Only Airflow changes them, but for what people have typed: a reason, an address. That is kept by us, or by nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from include.store.searching import rows_with
from include.store.sql import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

SQL = queries("airflow_tables")
TEXT, JSON, JSONB = sql.SQL("text"), sql.SQL("json"), sql.SQL("jsonb")
WORDS = {
    ("dag_run", "conf"): JSONB,
    ("dag_run_note", "content"): TEXT,
    ("hitl_detail", "params_input"): JSON,
    ("hitl_detail", "responded_by"): JSON,
    ("hitl_detail_history", "params_input"): JSON,
    ("hitl_detail_history", "responded_by"): JSON,
    ("log", "extra"): TEXT,
    ("rendered_task_instance_fields", "rendered_fields"): JSON,
    ("task_instance", "next_kwargs"): JSONB,
    ("task_instance_history", "next_kwargs"): JSONB,
    ("task_instance_note", "content"): TEXT,
    ("xcom", "value"): JSONB,
}
"""Where what people have typed may stand in Airflow's tables, and in what form."""
NOTE_MARK = "\n\nWhat came of it: "
REDACT = sql.SQL(
    "UPDATE {table} SET {column} = regexp_replace({column}::text, %(pattern)s, '***', 'gi')::{kind}"
    " WHERE position(%(needle)s IN lower({column}::text)) > 0"
)


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

    def redact_answers(self, dag_id: str, dag_run_id: str, *, field: str) -> None:
        """Take what a person has typed into a form's field out of a run's answers, and out of Airflow's audit log."""
        values = {"dag_id": dag_id, "dag_run_id": dag_run_id, "field": field}
        SQL.redact_answers(self.connection, **values)
        SQL.redact_old_answers(self.connection, **values)
        SQL.redact_logged_answers(self.connection, **values)

    def note_run(self, dag_id: str, dag_run_id: str, words: str) -> None:
        """Write a run's note, which its page shows; what a person has written there stays before it.

        The REST API takes a note only from who may also fail and delete runs; this is the table behind it (3.3.2).
        """
        SQL.write_note(
            self.connection, dag_id=dag_id, dag_run_id=dag_run_id, words=words, mark=NOTE_MARK
        )

    def drop_deadlines(self, dag_id: str, dag_run_id: str) -> None:
        """Take away what a run that failed in time can miss no more: Airflow does so only for one that ended well."""
        SQL.drop_deadlines(self.connection, dag_id=dag_id, dag_run_id=dag_run_id)

    def drop_form(self, task_instance_id: str) -> None:
        """Take away the form of a task that asks no more: who answered it would decide nothing."""
        SQL.drop_form(self.connection, id=task_instance_id)

    def search(self, needles: Sequence[str]) -> dict[str, int]:
        """Return the tables with a row that holds one of these texts, and how many such rows."""
        return rows_with(
            needles, tables=SQL.read_tables(self.connection), connection=self.connection
        )

    def redact(self, needles: Sequence[str]) -> dict[str, int]:
        """Replace these texts wherever a person's words may stand; return the changed rows by table."""
        changed: Counter[str] = Counter()
        for (table, column), kind in WORDS.items():
            for needle in needles:
                pattern = re.sub(r"([^\w@])", r"\\\1", needle)
                done = self.connection.execute(
                    REDACT.format(
                        table=sql.Identifier(table), column=sql.Identifier(column), kind=kind
                    ),
                    {"pattern": pattern, "needle": needle.lower()},
                )
                changed[f"airflow.{table}"] += done.rowcount
        return dict(changed)

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
