"""A session that is kept: who may not log in any more goes on, and one that has died is made anew."""

import psycopg
import pytest

from include.relay.database import KeptSession
from include.store import Store


class Door:
    """Connects as long as it is open."""

    def __init__(self, dsn):
        self.dsn, self.is_open, self.came = dsn, True, 0

    def __call__(self):
        """Return a session."""
        if not self.is_open:
            raise psycopg.OperationalError("password authentication failed")
        self.came += 1
        return Store.connect(self.dsn)


@pytest.fixture
def door(database):
    """Give what connects."""
    return Door(database)


@pytest.fixture
def kept(door):
    """Give a session that is kept."""
    session = KeptSession(door)
    yield session
    session.close()


def pid(store):
    """Ask Postgres which of its processes answers."""
    return store.connection.info.backend_pid, *store.connection.execute("SELECT 1").fetchall()


def too_slow(store):
    """Ask for more than the session's time allows."""
    with store.transaction():
        store.connection.execute("SET LOCAL statement_timeout = 50")
        store.connection.execute("SELECT pg_sleep(10)")


def test_open_session_goes_on_while_nobody_may_log_in(kept, door):
    """A press in Slack is not refused because the database's password is being changed."""
    before = kept.use(pid)
    door.is_open = False

    assert kept.use(pid) == before
    assert door.came == 1


def test_dead_session_is_made_anew(kept, door, store):
    """Postgres has been restarted: what asks next does not hear of it."""
    before = kept.use(pid)
    store.connection.execute("SELECT pg_terminate_backend(%s)", [before[0]])

    assert kept.use(pid) != before
    assert door.came == 2


def test_slow_statement_ends_no_session(kept, door):
    """A busy database is slow once: who could not log in again, for the password has changed, goes on."""
    before = kept.use(pid)
    door.is_open = False

    with pytest.raises(psycopg.errors.QueryCanceled):
        kept.use(too_slow)

    assert kept.use(pid) == before


def test_what_cannot_be_done_is_said(kept, door):
    """Without a session there is an error, and the next one tries again."""
    door.is_open = False
    with pytest.raises(psycopg.OperationalError):
        kept.use(pid)
    door.is_open = True

    assert kept.use(pid)
