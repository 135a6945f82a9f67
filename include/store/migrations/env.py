"""Alembic's entry: apply the versions over the connection that `include.store.migrate` opened."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,  # the versions are SQL written by hand; nothing is derived from models
    version_table="schema_version",
    version_table_schema="ops",
)
context.run_migrations()
