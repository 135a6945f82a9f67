"""Who acts, by name."""

import sys
import tomllib

import pytest
import typer

from include.errors import CommandError
from include.operate import act
from include.operate.deployment import config_file


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """Give a home of its own, and nobody at a terminal."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)


def at_a_terminal(monkeypatch, answers):
    """Let a person answer."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: answers.pop(0))


def test_name_that_is_given_comes_first():
    """`--actor`, or OPS_ACTOR."""
    person = act.person_of("Grace", "moves abroad")

    assert (person.actor, person.why) == ("user:Grace", "moves abroad")


def test_person_is_asked_once(monkeypatch):
    """Her name is kept before the profiles that are there, for her eyes only."""
    config_file().parent.mkdir(parents=True)
    config_file().write_text('[production]\nairflow_url = "x"\n')
    config_file().chmod(0o600)
    answers = ['Ada "the first" Lovelace']
    at_a_terminal(monkeypatch, answers)

    first, second = act.person_of(None, "a reason"), act.person_of(None, "another")

    assert answers == []
    assert first.actor == second.actor == 'user:Ada "the first" Lovelace'
    assert config_file().stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(config_file().read_text())["production"] == {"airflow_url": "x"}


def test_where_nobody_can_be_asked_it_is_said_how():
    """In a container, or from a script."""
    with pytest.raises(CommandError, match="--actor NAME, or set OPS_ACTOR"):
        act.person_of(None, "a reason")


@pytest.mark.parametrize("name", ["root", "airflow", "Root"])
def test_user_of_a_machine_is_nobody(name):
    """The audit log names people."""
    with pytest.raises(CommandError, match="is nobody's name"):
        act.person_of(name, "a reason")


def test_what_cannot_be_kept_is_not_kept(monkeypatch):
    """The audit log holds no address."""
    at_a_terminal(monkeypatch, ["ada@example.org"])

    with pytest.raises(CommandError, match="must not hold an e-mail address"):
        act.person_of(None, "a reason")

    assert not config_file().exists()


def test_reason_comes_before_the_name(monkeypatch):
    """Nobody is asked for her name and then refused."""
    at_a_terminal(monkeypatch, [])

    with pytest.raises(CommandError, match="the reason is missing"):
        act.person_of(None, " ")
