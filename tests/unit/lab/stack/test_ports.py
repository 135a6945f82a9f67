"""Which port a process gets."""

import socket

import pytest

from include.lab.stack.ports import any_free, choose, is_free
from include.lab.stack.stack import HOST, Ports

WANTED = {"relay": 8025, "sandbox": 8026, "airflow": 8080, "postgres": 5433}


@pytest.fixture
def taken_port():
    """Give a port on which somebody listens."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_wanted_ports_are_used_when_free():
    """The addresses in the documents are the addresses."""
    ports, said = choose(WANTED, Ports(), free=lambda _port: True)

    assert (ports.relay, ports.sandbox, ports.airflow, ports.postgres) == (8025, 8026, 8080, 5433)
    assert said == []


def test_taken_port_is_replaced_and_said():
    """A busy port stops nobody, but whoever reads the line knows where to look."""
    ports, said = choose(WANTED, Ports(), free=lambda port: port != 8080)

    assert ports.airflow not in (0, 8080)
    assert said == [f"port 8080 is taken: airflow uses {ports.airflow} instead"]


def test_port_of_the_last_start_is_kept_while_the_wanted_one_is_taken():
    """Bookmarks go on working."""
    ports, _ = choose(WANTED, Ports(airflow=9999), free=lambda port: port != 8080)

    assert ports.airflow == 9999


def test_no_two_processes_share_a_port():
    """Whatever was set or kept."""
    same = dict.fromkeys(WANTED, 8080)

    ports, _ = choose(same, Ports(relay=8080, sandbox=8080), free=lambda _port: True)

    chosen = [ports.relay, ports.sandbox, ports.airflow, ports.postgres, ports.supervisor]
    assert len(set(chosen)) == len(chosen)


def test_listener_makes_a_port_taken(taken_port):
    """Asked of the system, not guessed."""
    assert not is_free(taken_port)
    assert is_free(any_free({taken_port}))


@pytest.mark.parametrize("port", [-1, 70000])
def test_impossible_port_is_not_free(port):
    """A wrong setting leads to another port, not to a traceback."""
    assert not is_free(port)
