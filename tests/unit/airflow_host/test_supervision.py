"""What supervisor is told in a container: read by supervisor itself."""

import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from include.airflow_host.__main__ import configuration
from include.airflow_host.processes import AIRFLOW, FORK_SERVER


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Return the groups of processes as supervisor reads them, in the order of their start."""
    monkeypatch.chdir(tmp_path)
    Path("supervisord.conf").write_text(configuration(sys.executable))
    options = ServerOptions()
    options.realize(args=["-c", "supervisord.conf"])
    return sorted(options.process_group_configs)


def test_the_scheduler_stops_first_and_the_fork_server_last(groups):
    """Supervisor stops in the opposite order: tasks that run can report to the API server until they have ended."""
    names = [group.name for group in groups]

    assert names == [process.name for process in AIRFLOW]
    assert (names[0], names[-1]) == (FORK_SERVER.name, "scheduler")


def test_a_process_that_ends_is_started_again_for_ever(groups):
    """Supervisor gives one up after its retries: then nothing would start it when the database is back."""
    for [process] in (group.process_configs for group in groups):
        assert process.autostart
        assert process.autorestart
        assert process.startretries >= 1_000_000


def test_a_process_is_asked_alone_and_killed_with_all_it_has_started(groups):
    """A scheduler lets its tasks end; what does not end in time leaves nothing behind."""
    for [process] in (group.process_configs for group in groups):
        assert not process.stopasgroup
        assert process.killasgroup
        assert process.stopsignal == 2


def test_all_have_time_to_stop_before_docker_kills_them(groups):
    """What compose gives the service is more than supervisor gives its processes, one after the other."""
    compose = (Path(__file__).parents[3] / "docker-compose.yaml").read_text()
    [seconds] = [
        int(line.split("stop_grace_period:")[1].split("s")[0])
        for line in compose.partition("\n  airflow:")[2].partition("\n  relay-1:")[0].splitlines()
        if "stop_grace_period" in line
    ]

    assert sum(group.process_configs[0].stopwaitsecs for group in groups) < seconds
