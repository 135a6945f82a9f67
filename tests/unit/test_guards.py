"""The guards around the tests refuse what they should."""

import socket

import psycopg
import pytest

from tests.guards import ForbiddenError, Guards, is_loopback


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_only_this_machine_is_inside(host, inside):
    """Names are not looked up."""
    assert is_loopback(host) is inside


def test_socket_to_the_outside_is_refused():
    """This test runs under the installed guards."""
    with socket.socket() as one, pytest.raises(ForbiddenError, match="not leave this machine"):
        one.connect(("203.0.113.1", 80))


def test_unit_test_gets_no_database():
    """Not even a test's."""
    with pytest.raises(ForbiddenError, match="unit test"):
        psycopg.connect("postgresql://tester@127.0.0.1:1/some_test")


@pytest.mark.parametrize(
    ("dsn", "kind", "refused"),
    [
        ({"dbname": "ops_test"}, "store", False),
        ({"dbname": "ops"}, "store", True),
        ({"dbname": "postgres", "user": "tester"}, "store", False),
        ({"dbname": "postgres", "user": "postgres"}, "jobs", True),
        ({}, "dags", True),
        ({"dbname": "ops"}, "e2e", False),
    ],
)
def test_database_must_be_a_tests(dsn, kind, refused):
    """Its name ends in _test; the real stack's tests have a stack of their own."""
    guards = Guards()
    guards.kind = kind
    try:
        guards.check_database(dsn)
    except ForbiddenError:
        assert refused
    else:
        assert not refused
