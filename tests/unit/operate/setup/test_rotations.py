"""Rotations as the compose file has them: whom a secret reaches, in which order they are replaced, where one is."""

import re
import shutil
from pathlib import Path

import pytest

from include.errors import CommandError
from include.interview.env_file import EnvFile
from include.operate.commands import rotate
from include.operate.setup.compose import environment_of
from include.operate.setup.interview import trial
from include.operate.setup.rotations import ROTATIONS, go_to, under_way

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "operations" / "rotate.md"
ONE_HOST = ("airflow", "relay-1", "relay-2")
SEVERAL = (
    *("api-server", "scheduler-1", "scheduler-2", "dag-processor", "triggerer", "worker"),
    *("relay-1", "relay-2", "redis"),
)
CELERY = "docker-compose.yaml:deploy/compose.celery.yaml"
OPS = "postgresql://ops:${OPS_DATABASE_PASSWORD}@postgres:5432/ops"


@pytest.fixture
def env(tmp_path):
    """Give a deployment's `.env`."""
    for name in ("docker-compose.yaml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    env = EnvFile(tmp_path / ".env")
    env.set("OPS_DATABASE_URL", OPS)
    trial(env)
    return env


def made(env):
    """Return the rotations that need nobody to type, where they have something to change."""
    return [
        name
        for name, one in ROTATIONS.items()
        if env.get(one.variable) and not name.endswith(("-webhook", "-platform", "redis"))
    ]


@pytest.mark.parametrize(("files", "stay_up"), [("", ONE_HOST), (CELERY, SEVERAL)])
def test_every_service_that_is_given_a_secret_is_replaced_and_no_other(env, files, stay_up):
    """Whom the compose files give a new value is started anew, each by a line of its own: relays first, Redis last."""
    if files:
        env.values["COMPOSE_FILE"] = files
    tried = 0
    for name in [*made(env), *(["redis"] if files else [])]:
        before = {service: environment(service, env) for service in stay_up}
        go_to(1, name, env)
        changed = [one for one in stay_up if environment(one, env) != before[one]]
        lines = ROTATIONS[name].lines(1, env)
        replaced = [line.rpartition(" ")[2] for line in lines if "--wait" in line]

        assert sorted(replaced) == sorted(changed), name
        assert replaced == sorted(replaced, key=lambda one: not one.startswith("relay")), name
        assert "redis" not in replaced[:-1], name
        tried += 1
    assert tried >= 9


@pytest.mark.parametrize(("files", "stay_up"), [("", ONE_HOST), (CELERY, SEVERAL)])
def test_no_task_meets_a_password_that_it_does_not_know(env, files, stay_up):
    """Whoever would log in with the old one is stopped before it changes; relays, whose sessions go on, are not."""
    if files:
        env.values["COMPOSE_FILE"] = files
    before = {service: environment(service, env) for service in stay_up}
    go_to(1, "database-ops", env)
    given = {one for one in stay_up if environment(one, env) != before[one]}

    stop, change, *_ = ROTATIONS["database-ops"].lines(1, env)

    assert set(stop.removeprefix("docker compose stop ").split()) == {
        one for one in given if not one.startswith("relay")
    }
    assert "ALTER ROLE ops" in change


def environment(service, env):
    return environment_of(service, folder=env.path.parent, values=env.resolved())


def test_no_line_has_a_secret(env):
    """Lines are in the shell's history, and in the list of processes."""
    for name in made(env):
        go_to(1, name, env)
        lines = "\n".join(ROTATIONS[name].lines(1, env))
        for variable, value in env.values.items():
            if re.search("PASSWORD|SECRET|KEY", variable) and value:
                assert value not in lines, name


def test_a_step_is_known_to_the_next_start(env, capsys):
    """Whatever happened in between: the step that was reached is shown again, and changes nothing a second time."""
    go_to(1, "airflow-fernet", env)
    before = env.path.read_text()

    again = EnvFile(env.path)

    assert under_way(again) == {"airflow-fernet": 1}
    rotate.command("airflow-fernet", file=env.path, go_on=False)
    assert "step 1 of 2" in capsys.readouterr().out
    rotate.command(None, file=env.path)
    assert re.search(r"airflow-fernet +step 1 of 2 is done", capsys.readouterr().out)
    assert env.path.read_text() == before


def test_last_step_leaves_the_new_value_alone_and_no_trace(env):
    """Two keys, then one: the new one."""
    old = env.get("AIRFLOW_FERNET_KEY")
    go_to(1, "airflow-fernet", env)
    new, _, kept = env.get("AIRFLOW_FERNET_KEY").partition(",")
    assert (kept, new != old) == (old, True)

    go_to(2, "airflow-fernet", env)
    go_to(3, "airflow-fernet", env)

    assert EnvFile(env.path).get("AIRFLOW_FERNET_KEY") == new
    assert under_way(EnvFile(env.path)) == {}
    assert "OPS_ROTATIONS" not in env.path.read_text()


def test_what_is_not_used_cannot_be_rotated(env):
    """Nor what no service is given, as a password of a database that `.env` leads past."""
    with pytest.raises(CommandError, match="AIRFLOW_CONN_LUMA is not set"):
        go_to(1, "luma", env)

    env.values["OPS_DATABASE_URL"] = "postgresql://platform.example.org/x"
    before = env.path.read_text()
    with pytest.raises(CommandError, match="no service is given OPS_DATABASE_PASSWORD"):
        go_to(1, "database-ops", env)
    assert env.path.read_text() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": "stripe-key"}, "no secret stripe-key: there are stripe-webhook"),
        ({"name": "airflow-jwt", "go_on": True}, "airflow-jwt is not being rotated"),
    ],
)
def test_what_cannot_be_is_said(env, words, message):
    """With what can be."""
    with pytest.raises(CommandError, match=message):
        rotate.command(**{"go_on": False, **words}, file=env.path)


def test_answers_of_an_unfinished_init_are_not_mixed_in(env):
    """A draft has values that nobody has finished."""
    env.draft.write_text("OPS_WELCOME=off\n")

    with pytest.raises(CommandError, match="finish ./ops init, or delete it".replace(".", r"\.")):
        rotate.command(None, file=env.path)


def test_page_has_every_secret():
    """One table says what is possible and what happens meanwhile."""
    named = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)

    assert named == list(ROTATIONS)
