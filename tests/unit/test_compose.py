"""What the production files start, and how it begins and ends."""

import importlib.util
import os
import re
import shutil
import subprocess

import pytest

from tests.unit.deployment_files import (
    CELERY,
    COMPOSE,
    ENVIRONMENTS,
    EXAMPLE,
    OURS,
    ROOT,
    SANDBOX,
    SERVICES,
    commands,
    pods,
)

CADDYFILE = ROOT / "deploy" / "Caddyfile"
UPGRADE = ROOT / "deploy" / "upgrade.sh"
LEAVING = "OPS_RELAY_LEAVING_SECONDS"
ANSWERING_SECONDS = 10  # for what a relay has begun when it has left


@pytest.mark.parametrize(("name", "words"), list(commands()))
def test_each_service_starts_something_that_exists(name, words):
    """A module of ours that can be run, or a command of this Airflow."""
    from airflow.cli.cli_config import core_commands

    if words[0] == "airflow":
        known = {command.name for command in core_commands}
        assert words[1] in known | {"celery"}  # the provider's, which only the image has
    else:
        assert words[:2] == ["python", "-m"]
        module = importlib.util.find_spec(words[2])
        assert module is not None
        if module.submodule_search_locations:
            assert importlib.util.find_spec(f"{words[2]}.__main__")


def test_a_lost_task_is_queued_again_long_before_its_run_is_over():
    """What a worker or Redis has lost is seen after the time-out and one interval; a run has five minutes."""
    scheduler = ENVIRONMENTS["celery:scheduler-1"]
    seconds = float(scheduler["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT"])
    interval = float(scheduler["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL"])
    retries = int(scheduler["AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES"])

    assert seconds + interval <= 60
    assert retries * seconds > 300


@pytest.mark.parametrize("profile", [(), ("--profile", "sandbox"), ("--profile", "ops")])
def test_compose_accepts_the_file(profile, tmp_path):
    """Docker's own parser reads it, with and without the sandbox."""
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("docker compose is not installed here")
    filled = tmp_path / "env"
    filled.write_text(re.sub(r"^(\w+)=$", r"\1=x", EXAMPLE.read_text(), flags=re.MULTILINE))
    filled = [f"--env-file={filled}", f"--env-file={SANDBOX}"]

    answer = subprocess.run(
        [docker, "compose", "--file", COMPOSE, *profile, *filled, "config", "--quiet"],
        capture_output=True, text=True, check=False, env={**os.environ, "COMPOSE_PROFILES": ""},
    )  # fmt: skip

    assert (answer.returncode, answer.stderr) == (0, "")


def test_an_upgrade_replaces_one_relay_after_the_other(tmp_path):
    """Tables first; the second relay only when the first is healthy; and it stops where a step fails."""
    said, docker = tmp_path / "said", tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@" >> "$SAID"\n[ "$*" != "$FAILS" ]\n')
    docker.chmod(0o755)

    def upgrade(fails=""):
        said.write_text("")
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAID": said, "FAILS": fails}
        code = subprocess.run([UPGRADE], env=environment, check=False).returncode
        return code, [line.removeprefix("compose ") for line in said.read_text().splitlines()]

    code, steps = upgrade()
    first, second = (f"up --detach --no-deps --wait relay-{number}" for number in (1, 2))

    assert code == 0
    assert steps[0] == "build"
    assert steps.index("run --rm prepare") < steps.index(first) < steps.index(second)
    assert steps[-1].startswith("up --detach")
    assert upgrade(fails=f"compose {first}") == (1, steps[: steps.index(first) + 1])


@pytest.mark.parametrize("services", [OURS, CELERY], ids=["one host", "several hosts"])
def test_who_has_work_in_hand_is_given_time_to_end_it(services):
    """Docker kills after ten seconds what does not say otherwise; a relay leaves first, then answers what was begun."""
    stays = {name: one for name, one in services.items() if one["restart"] != "no"}
    given = {
        name: float(one.get("stop_grace_period", "10s").removesuffix("s"))
        for name, one in stays.items()
    }
    del given["sandbox"]  # no part of production

    assert len(given) >= 3
    assert {name for name, seconds in given.items() if seconds < 15} == set()
    relays = {name: one["environment"] for name, one in stays.items() if name.startswith("relay")}
    assert len(relays) == 2
    for name, environment in relays.items():
        assert given[name] >= 2 * float(environment[LEAVING]) + ANSWERING_SECONDS


def test_a_relay_leaves_alike_in_kubernetes():
    """In two halves as long as Compose's; the pod is killed no sooner than Docker would kill it."""
    relays = {name: one for name, one in OURS.items() if name.startswith("relay")}
    in_compose = {
        (one["environment"][LEAVING], int(one["stop_grace_period"].removesuffix("s")))
        for one in relays.values()
    }
    relay = dict(pods())["relay"]
    in_kubernetes = (
        ENVIRONMENTS["kubernetes:relay"][LEAVING],
        relay["terminationGracePeriodSeconds"],
    )

    assert in_compose == {in_kubernetes}


def test_postgres_writes_no_row_into_its_log():
    """The detail of an error has the key that exists already, as a member's address."""
    assert "log_error_verbosity=terse" in SERVICES["postgres"]["command"]


def test_caddy_takes_its_file():
    """Caddy's own reader; what it passes on is tried by the tests of production."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed here: apt-get install caddy")

    for url in ("https://ops.example.org", "https://localhost", "http://localhost"):
        answer = subprocess.run(
            [caddy, "validate", "--adapter", "caddyfile", "--config", CADDYFILE],
            capture_output=True, text=True, check=False, env={**os.environ, "OPS_PUBLIC_URL": url},
        )  # fmt: skip
        assert (answer.returncode, "Valid configuration" in answer.stderr + answer.stdout) == (
            0,
            True,
        ), answer.stderr
