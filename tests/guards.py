"""What no test may do: speak to the outside, or to a database that is not a test's."""

import ipaddress
import socket

import psycopg
from psycopg.conninfo import conninfo_to_dict

REAL_STACK = {
    "e2e",
    "browser",
    "faults",
    "production",
}  # these start a stack of their own, databases included


class ForbiddenError(Exception):
    """The test did what its kind of test must not do."""


class Guards:
    """Stand between the tests and the world; `kind` is the folder of the test that runs."""

    def __init__(self):
        """Let everything through until `install`."""
        self.kind = ""
        self.live = False  # --live: against the vendors' test accounts

    def install(self):
        """Look at every connection from here on, for the rest of the process."""
        for name in ("connect", "connect_ex"):
            setattr(socket.socket, name, self._watched_socket(getattr(socket.socket, name)))
        connect = psycopg.Connection.connect.__func__
        psycopg.Connection.connect = classmethod(self._watched_database(connect))
        psycopg.connect = psycopg.Connection.connect

    def _watched_socket(self, connect):
        def watched(sock, address):
            self.check_address(sock.family, address)
            return connect(sock, address)

        return watched

    def _watched_database(self, connect):
        def watched(kind_of_connection, conninfo="", **options):
            self.check_database(conninfo_to_dict(conninfo, dbname=options.get("dbname")))
            return connect(kind_of_connection, conninfo, **options)

        return watched

    def check_address(self, family, address):
        """Refuse addresses outside this machine."""
        if self.live or family not in (socket.AF_INET, socket.AF_INET6):
            return
        if not is_loopback(address[0]):
            raise ForbiddenError(f"a test may not leave this machine: {address[0]}")

    def check_database(self, parameters):
        """Refuse databases in unit tests, and elsewhere those that are no test's."""
        name = str(parameters.get("dbname") or "")
        if self.kind == "unit":
            raise ForbiddenError(
                "a unit test needs no database: move it to tests/store or tests/jobs"
            )
        is_server_of_tests = name == "postgres" and parameters.get("user") == "tester"
        if self.kind not in REAL_STACK and not name.endswith("_test") and not is_server_of_tests:
            raise ForbiddenError(f"not a test database: {name!r} does not end in _test")


def is_loopback(host):
    """Tell whether `host` is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
