"""Look for texts in whole tables, whatever their columns are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

COUNT = sql.SQL("SELECT count(*) AS count FROM {} AS t WHERE {}")
HOLDS = sql.SQL("position(%s IN lower(t::text)) > 0")


def rows_with(
    needles: Sequence[str],
    *,
    tables: Iterable[Mapping[str, Any]],
    connection: psycopg.Connection[Any],
) -> dict[str, int]:
    """Return the tables (`schema`, `name`) that have a row with one of these texts, and how many such rows."""
    found = {}
    for row in list(tables):
        table = sql.Identifier(row["schema"], row["name"])
        holds = sql.SQL(" OR ").join([HOLDS] * len(needles))
        [hits] = connection.execute(
            COUNT.format(table, holds), [needle.lower() for needle in needles]
        ).fetchall()
        if hits["count"]:
            found[f"{row['schema']}.{row['name']}"] = hits["count"]
    return found
