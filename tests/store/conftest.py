"""What the tests against a real Postgres share."""

from tests.postgres import database, own_postgres, postgres_server, store

__all__ = ["database", "own_postgres", "postgres_server", "store"]
