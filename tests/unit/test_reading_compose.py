"""The tests' reader of compose files says what `docker compose` would."""

import pytest

from include.lab.stack.layout import ROOT
from tests.production import compose
from tests.production.forms import filled
from tests.production.images import Dockerfile
from tests.production.interpolation import MissingVariableError, expanded, read_env_files


def read(tmp_path, *texts, variables=None, profiles=()):
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(text)
    return compose.load(files, variables or {}, profiles)


BASE = """
name: shop
services:
  web:
    image: web:1
    command: serve --port 80
    environment: {KEPT: a, CHANGED: b, NUMBER: 3, FLAG: true}
    ports: ["127.0.0.1:80:8000"]
    volumes: ["data:/data", "./a.conf:/etc/a.conf:ro"]
    depends_on: {db: {condition: service_healthy}, extra: {condition: service_started, required: false}}
    healthcheck: {test: [CMD, ping], interval: 1m30s, timeout: 500ms, retries: 2}
  db:
    image: db:1
    init: true
    stop_grace_period: 330s
  extra:
    image: extra:1
    profiles: [more]
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${SET}", "x"),
        ("$SET-$SET", "x-x"),
        ("a $$SET", "a $SET"),
        ("${UNSET:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${UNSET}", ""),
        ("${UNSET:-{a}}", "{a}"),
        ("${UNSET:-${SET}}", "x"),
        ("${SET:+y}${UNSET:+y}", "y"),
        ("${SET:?why}", "x"),
        ("${EMPTY?why}", ""),
    ],
)
def test_reference_is_replaced(text, value):
    """The forms of the Compose Specification."""
    assert expanded(text, {"SET": "x", "EMPTY": ""}) == value


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}])
def test_missing_variable_is_said(variables):
    """`${NAME:?why}` ends the start where the name has no value."""
    with pytest.raises(MissingVariableError, match="NAME: see the example"):
        expanded("${NAME:?see the example}", variables)


def test_env_files_refer_to_what_is_above(tmp_path):
    """Also across files; between single quotes everything is literal."""
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text('A=one\nB=\'{"x": "$A"}\'\nC=\n# no\n')
    second.write_text('C="${A}-two"\n')

    assert read_env_files(first, second) == {"A": "one", "B": '{"x": "$A"}', "C": "one-two"}


def test_service_is_read(tmp_path):
    """Words, environment, ports, mounts, dependencies, times."""
    web = read(tmp_path, BASE).services["web"]

    assert web.command == ("serve", "--port", "80")
    assert web.entrypoint is None
    assert web.environment == {"KEPT": "a", "CHANGED": "b", "NUMBER": "3", "FLAG": "true"}
    assert web.ports == (compose.Port(address="127.0.0.1", published=80, target=8000),)
    assert [(one.source, one.is_volume, one.read_only) for one in web.mounts] == [
        ("data", True, False), ("./a.conf", False, True),
    ]  # fmt: skip
    assert web.depends_on["db"] == compose.Dependency(condition="service_healthy")
    assert not web.depends_on["extra"].required
    assert (web.health.test, web.health.interval, web.health.timeout) == (("ping",), 90, 0.5)
    assert read(tmp_path, BASE).services["db"].stop_grace_seconds == 330


def test_profile_has_to_be_active(tmp_path):
    """A service of a profile is started only with it."""
    assert read(tmp_path, BASE).active == {"web", "db"}
    assert read(tmp_path, BASE, profiles=["more"]).active == {"web", "db", "extra"}


def test_later_file_is_merged(tmp_path):
    """Mappings key by key, a mount by where it is, commands as a whole; `!reset` and `!override` as they say."""
    over = """
services:
  web:
    command: [other]
    environment: {CHANGED: c, KEPT: !reset null}
    ports: !override ["80:9000"]
    volumes: ["more:/more", "./b.conf:/etc/a.conf:ro"]
    depends_on: !override {broker: {condition: service_started}}
  db: !reset null
  broker: {image: broker:1}
"""

    project = read(tmp_path, BASE, over)

    web = project.services["web"]
    assert set(project.services) == {"web", "broker", "extra"}
    assert web.command == ("other",)
    assert web.environment == {"CHANGED": "c", "NUMBER": "3", "FLAG": "true"}
    assert [(one.address, one.published, one.target) for one in web.ports] == [
        (compose.EVERYWHERE, 80, 9000)
    ]
    assert [one.source for one in web.mounts] == ["data", "./b.conf", "more"]
    assert set(web.depends_on) == {"broker"}


def test_service_can_extend_another(tmp_path):
    """It has what the other has, with its own over it, whatever later files make of the other."""
    more = "services: {web: {scale: 0}, other: {extends: {file: 0.yaml, service: web}, command: [more]}}"

    project = read(tmp_path, BASE, more)

    other = project.services["other"]
    assert (other.command, other.scale, other.environment["KEPT"]) == (("more",), 1, "a")
    assert project.services["web"].scale == 0


def test_file_is_filled_in_before_it_is_merged(tmp_path):
    """Docker asks for a variable even where a later file takes its service away."""
    asks = "services: {web: {image: 'a:${TAG:?which}'}}"

    with pytest.raises(MissingVariableError, match="TAG"):
        read(tmp_path, asks, "services: {web: !reset null}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("services: {web: {image: a, tmpfs: [/x]}}", "does not know tmpfs"),
        ("services: {web: {image: a, depends_on: [gone]}}", "gone"),
        ("services: {web: {image: a, stop_grace_period: soon}}", "no duration"),
        ("services: {web: {image: a, ports: ['80']}}", "no number on the host"),
        ("services: {web: {image: a, cap_drop: [CHOWN]}}", "CHOWN"),
    ],
)
def test_what_is_not_played_is_an_error(tmp_path, text, why):
    """Nothing that a file says is passed over in silence."""
    with pytest.raises(ValueError, match=why):
        read(tmp_path, text)


def test_health_check_in_words_is_for_a_shell(tmp_path):
    """CMD-SHELL, and a text, go to `/bin/sh -c`."""
    text = "services: {web: {image: a, healthcheck: {test: 'a | b'}}}"

    assert read(tmp_path, text).services["web"].health.test == ("/bin/sh", "-c", "a | b")


def test_example_is_filled_in_by_its_own_recipes(tmp_path):
    """Who does what `.env.example` says above each name, has every secret that is made at random."""
    made = read_env_files(filled(ROOT / ".env.example", tmp_path))

    assert len(made["AIRFLOW_FERNET_KEY"]) == 44
    assert made["OPS_STRIPE_WEBHOOK_SECRETS"].startswith("whsec_")
    assert made["OPS_DATABASE_PASSWORD"]
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_dockerfile_is_followed():
    """What is copied and what is left out."""
    dockerfile = Dockerfile(ROOT)
    lab = ROOT / "include" / "lab"

    assert {source.name for source, _ in dockerfile.copied()} >= {"include", "dags", "plugins"}
    assert set(dockerfile.ignore(str(lab), ["bench", "demo", "sandbox"])) == {"bench", "demo"}
    assert dockerfile.ignore(str(ROOT / "dags"), ["__pycache__", "a.pyc", "a.py"]) == [
        "__pycache__",
        "a.pyc",
    ]
