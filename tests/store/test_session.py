"""Limits of a session in Postgres."""

import pytest
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import create_engine, text

from include.airflow_host.database import CONNECT_ARGS
from include.store import Store


def test_frozen_transaction_lets_go_of_its_locks(store, database):
    """Its process does nothing and says nothing; the next one gets the member, and the late one can change nothing."""
    frozen = Store.connect(database)
    frozen.limit_idle_transactions(seconds=0.2)
    frozen.connection.execute("BEGIN")
    frozen.connection.execute("SELECT pg_advisory_xact_lock(1)")

    store.connection.execute("SELECT set_config('lock_timeout', '10s', false)")
    store.connection.execute("SELECT pg_advisory_lock(1)")

    with pytest.raises(IdleInTransactionSessionTimeout):
        frozen.connection.execute("SELECT 1")
    frozen.close()


def test_airflows_commits_do_not_wait_for_the_disk_and_ours_do(store, database):
    """What is acknowledged is on the disk; what Airflow forgets with a dying Postgres is run again."""
    engine = create_engine(
        database.replace("postgresql://", "postgresql+psycopg2://"), connect_args=CONNECT_ARGS
    )
    with engine.connect() as airflow:
        theirs = airflow.execute(text("SHOW synchronous_commit")).scalar()
    engine.dispose()
    (ours,) = store.connection.execute("SHOW synchronous_commit").fetchone().values()

    assert (theirs, ours) == ("off", "on")
