"""Containers played without Docker are what Docker's would be, in what production relies on."""

import socket
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.production import compose, machine
from tests.production.deployment import Deployment, DeploymentError
from tests.production.images import SYSTEM_PATH, Image
from tests.waiting import until

PLAIN = Image(environment={"PATH": SYSTEM_PATH, "FROM_IMAGE": "1"})
SLEEPS = {
    "image": "x", "restart": "always", "command": ["sleep", "infinity"], "stop_signal": "SIGKILL",
}  # fmt: skip
WELL = {"test": ["CMD", "test", "-e", "/well"], "interval": "200ms", "timeout": "1s", "retries": 2}


class Plain:
    """Images that are this machine's own files."""

    binds = ()

    def of(self, service, project):
        """Return the only one."""
        return PLAIN


@pytest.fixture
def deploy(tmp_path):
    """Give what makes a deployment of a compose file's services."""
    if why := machine.missing():
        pytest.skip(why)
    folder = tmp_path / "a machine"
    folder.mkdir()
    computer = machine.Machine(folder)

    deployments = []

    def deploy(**services):
        file = tmp_path / "compose.yaml"
        file.write_text(yaml.safe_dump({"services": services}))
        project = compose.load([file], {})
        deployments.append(Deployment(computer, project, Plain(), tmp_path / "volumes"))
        return deployments[-1]

    with computer.inside():
        yield deploy
        for one in deployments:
            one.down()
    computer.end()


def test_environment_is_the_files(deploy):
    """Nothing of whoever starts it, and the user that it says."""
    deployment = deploy(a={**SLEEPS, "user": "50000:0", "environment": {"ONE": "a b"}})

    deployment.up()

    [a] = deployment.of("a")
    assert until(lambda: a.first.name() == "sleep", 5)
    assert a.first.environ() == {
        "ONE": "a b", "FROM_IMAGE": "1", "PATH": SYSTEM_PATH, "HOSTNAME": a.id, "HOME": "/home/airflow",
    }  # fmt: skip
    assert a.first.uids().effective == 50000
    assert a.run("hostname").stdout.strip() == a.id
    assert a.run("cat", "/proc/1/comm").stdout == "sleep\n"


def test_killed_container_takes_all_with_it_and_is_started_again(deploy):
    """The end of the first process is the end of all; what it had written is still there."""
    two = ["sh", "-c", "echo x >>/n; sleep infinity & wait"]
    deployment = deploy(a={**SLEEPS, "restart": "unless-stopped", "command": two})
    deployment.up()
    [a] = deployment.of("a")
    assert until(lambda: len(a.processes()) == 2, 5)
    before = a.processes()

    a.kill()

    assert until(lambda: not any(map(psutil.Process.is_running, before)), 5)
    assert until(lambda: a.restarts == 1 and len(a.processes()) == 2, 5)
    assert a.run("cat", "/n").stdout == "x\nx\n"


def test_what_has_no_restart_rule_or_was_stopped_is_left(deploy):
    """And what fails for good is said at once, with what it wrote."""
    deployment = deploy(
        a={"image": "x", "command": ["sh", "-c", "echo why; exit 1"]},
        b={**SLEEPS, "restart": "unless-stopped"},
    )
    deployment.up("b")
    deployment.stop("b")

    with pytest.raises(DeploymentError, match=r"(?s)code 1.*why"):
        deployment.up("a")

    [b] = deployment.of("b")
    assert (b.is_running, b.restarts) == (False, 0)


def test_time_to_end_is_given(deploy):
    """First the signal that the file names, then, after its grace period, the end."""
    traps = ["sh", "-c", "trap 'echo told >>/said' USR1; while true; do sleep 0.1; done"]
    grace = {"stop_signal": "SIGUSR1", "stop_grace_period": "1s"}
    deployment = deploy(a={**SLEEPS, **grace, "command": traps})
    deployment.up()
    [a] = deployment.of("a")
    assert until(lambda: len(a.processes()) == 2, 5)

    began = time.monotonic()
    deployment.stop()

    assert 1 <= time.monotonic() - began < 5
    assert a.machine.path(a.folder / "upper" / "said").read_text() == "told\n"
    assert a.exit_code


def test_health_is_what_the_check_says(deploy):
    """Healthy after a check that succeeds, unhealthy after as many that fail in a row as the file says."""
    deployment = deploy(a={**SLEEPS, "healthcheck": WELL})
    with pytest.raises(DeploymentError, match="unhealthy"):
        deployment.up(seconds=2)
    [a] = deployment.of("a")

    a.run("touch", "/well")

    assert until(lambda: a.health.state == "healthy", 5)
    a.run("rm", "/well")
    assert until(lambda: a.health.failures == 1, 5)
    assert until(lambda: a.health.state == "unhealthy", 5)


def test_failures_of_the_first_time_do_not_count(deploy):
    """Until `start_period` is over a check that fails says nothing, and one that succeeds says it."""
    deployment = deploy(
        a={**SLEEPS, "healthcheck": {**WELL, "start_period": "60s", "start_interval": "100ms"}}
    )
    with pytest.raises(DeploymentError, match="starting"):
        deployment.up(seconds=2)
    [a] = deployment.of("a")

    a.run("touch", "/well")

    assert until(lambda: a.health.state == "healthy", 5)


def test_check_that_takes_too_long_has_failed(deploy):
    """It is ended, with all that it started."""
    slow = {"test": ["CMD", "sleep", "60"], "interval": "100ms", "timeout": "300ms", "retries": 1}
    deployment = deploy(a={**SLEEPS, "healthcheck": slow})

    with pytest.raises(DeploymentError, match="unhealthy"):
        deployment.up(seconds=2)


def test_services_wait_for_each_other(deploy):
    """One that has to be healthy, and one that has to have done its work."""
    shared, made = {"volumes": ["shared:/shared"]}, ["test", "-e", "/shared/made"]
    makes = ["sh", "-c", "sleep 1; touch /shared/made; sleep infinity"]
    deployment = deploy(
        last={**SLEEPS, "depends_on": {"work": {"condition": "service_completed_successfully"}}},
        work={
            "image": "x",
            **shared,
            "command": made,
            "depends_on": {"first": {"condition": "service_healthy"}},
        },
        first={
            **SLEEPS,
            **shared,
            "command": makes,
            "healthcheck": {**WELL, "test": ["CMD", *made]},
        },
    )

    deployment.up(seconds=20)

    assert deployment.of("work")[0].exit_code == 0
    assert deployment.of("last")[0].is_running


def test_only_published_ports_are_reached_from_the_host(deploy):
    """A container is found by its service's name by others, and by its host at what it publishes."""
    serves = {"command": ["python3", "-m", "http.server", "8000"], "working_dir": "/etc"}
    deployment = deploy(
        web={**SLEEPS, **serves, "ports": ["127.0.0.1:80:8000"]}, other={**SLEEPS, "scale": 2}
    )
    deployment.up()
    other, second = deployment.of("other")
    fetch = [
        "curl",
        "--silent",
        "--fail",
        "--retry",
        "9",
        "--retry-connrefused",
        "--retry-delay",
        "1",
    ]

    for one in (other, second):
        assert one.run(*fetch, "http://web:8000/hostname").returncode == 0
    with socket.create_connection(("127.0.0.1", 80), timeout=5) as connection:
        connection.sendall(b"GET /hostname HTTP/1.0\r\n\r\n")
        assert connection.recv(20).startswith(b"HTTP/1.0 200")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8000), timeout=5)
    assert other.run("curl", "--silent", "--max-time", "3", "http://198.51.100.1/").returncode != 0


def test_one_off_container_has_other_words(deploy):
    """`docker compose run --rm`: the service's entry point and environment, and words of its own."""
    tool = {
        "image": "x",
        "entrypoint": ["sh", "-c"],
        "command": ["exit 3"],
        "environment": {"A": "b"},
    }
    deployment = deploy(tool=tool)

    told = deployment.run("tool", 'echo "$A"; echo no >&2; exit 4')

    assert (told.returncode, told.stdout, told.stderr) == (4, "b\n", "no\n")
    assert deployment.run("tool").returncode == 3


def test_devices_are_a_containers_own(deploy):
    """Shared memory, the null device, and its outputs by name, also for who is not root."""
    deployment = deploy(tool={"image": "x", "user": "50000:0", "entrypoint": ["sh", "-c"]})

    told = deployment.run(
        "tool", "echo gone >/dev/null; echo said >/dev/stdout; df -k /dev/shm | tail -1"
    )

    first, second = told.stdout.splitlines()
    assert (told.returncode, first) == (0, "said")
    assert second.split()[1] == str(64 * 1024)


def test_nothing_is_left(tmp_path):
    """The end of the machine is the end of all that runs in it; on the real one there was never a mount."""
    if why := machine.missing():
        pytest.skip(why)
    folder = tmp_path / "machine"
    folder.mkdir()
    computer = machine.Machine(folder)
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump({"services": {"a": SLEEPS}}))
    with computer.inside():
        deployment = Deployment(computer, compose.load([file], {}), Plain(), tmp_path / "volumes")
        deployment.up()
        processes = deployment.of("a")[0].processes()

        computer.end()
        deployment.down()

    assert processes
    assert until(lambda: not any(map(psutil.Process.is_running, processes)), 5)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert [*folder.iterdir()] == []
