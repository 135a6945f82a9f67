"""A deployment's `.env`: what is written is what every reader reads, and it is there whole or not at all."""

import json
import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as some

from include.errors import CommandError
from include.interview.env_file import EnvFile

EXAMPLE = """# --- databases ---
# Random.
OPS_DATABASE_PASSWORD=
OPS_DATABASE_URL=postgresql://ops:${OPS_DATABASE_PASSWORD}@postgres:5432/ops
# '{"conn_type": "http"}'
AIRFLOW_CONN_STRIPE=
OPS_WELCOME=journey
"""


@pytest.fixture
def file(tmp_path):
    """Return where `.env` is to be, beside an example."""
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path / ".env"


def test_comments_and_order_are_those_of_the_example(file):
    """Who opens the file later finds what each line means."""
    env = EnvFile(file)
    env.set("OPS_DATABASE_PASSWORD", "abc")
    env.set("OPS_MINE", "of my own")
    env.finish()

    lines = file.read_text().splitlines()
    assert lines[:4] == EXAMPLE.replace("PASSWORD=\n", "PASSWORD=abc\n").splitlines()[:4]
    assert lines[-2:] == ["# --- not in .env.example ---", "OPS_MINE='of my own'"]
    assert EnvFile(file).resolved()["OPS_DATABASE_URL"] == "postgresql://ops:abc@postgres:5432/ops"


def test_what_is_not_used_is_an_answer(file):
    """An empty value is kept, and differs from one that was never asked."""
    env = EnvFile(file)
    env.set_connection("stripe", None)

    again = EnvFile(file)

    assert (again.get("AIRFLOW_CONN_STRIPE"), again.get("OPS_WELCOME")) == ("", None)
    assert again.connection("stripe") == {}


TEXTS = some.text(some.characters(exclude_categories=("Cs",)), max_size=30)


@given(password=TEXTS, extra=some.dictionaries(TEXTS, TEXTS, max_size=3))
def test_every_connection_comes_back_as_it_was(tmp_path_factory, password, extra):
    """Through python-dotenv, and through `docker compose`, for which nothing means anything between single quotes."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / ".env.example").write_text(EXAMPLE)
    document = {"password": password, "extra": extra}
    env = EnvFile(folder / ".env")
    env.set_connection("stripe", document)
    env.finish()

    [line] = [
        one for one in env.path.read_text().split("\n") if one.startswith("AIRFLOW_CONN_STRIPE=")
    ]
    between_quotes = line.removeprefix("AIRFLOW_CONN_STRIPE=").strip("'")
    assert json.loads(between_quotes) == document
    assert "'" not in between_quotes
    assert json.loads(dotenv_values(env.path, interpolate=False)["AIRFLOW_CONN_STRIPE"]) == document
    assert EnvFile(env.path).connection("stripe") == document


@pytest.mark.parametrize("value", ["it's", "a\\b", "two\nlines"])
def test_value_that_readers_see_differently_is_refused(file, value):
    """Nothing is written that Compose and others would read in two ways; the name is said, not the value."""
    env = EnvFile(file)

    with pytest.raises(CommandError, match="OPS_MINE") as caught:
        env.set("OPS_MINE", value)

    assert value not in str(caught.value)
    assert list(file.parent.iterdir()) == [file.with_name(".env.example")]


def test_only_its_owner_reads_it(file):
    """Draft and file, whatever the umask and the mode of the file before."""
    file.write_text("OPS_WELCOME=off\n")
    file.chmod(0o644)
    before = os.umask(0)
    try:
        env = EnvFile(file)
        env.set("OPS_DATABASE_PASSWORD", "abc")
        assert stat.S_IMODE(env.draft.stat().st_mode) == 0o600
        env.finish()
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert EnvFile(file).get("OPS_WELCOME") == "off"


def test_file_that_cannot_be_written_leaves_the_old_one(file, monkeypatch):
    """The disk is full in the middle: the old file stays whole, and no part of the new one is left."""
    env = EnvFile(file)
    env.set("OPS_WELCOME", "off")
    env.finish()
    before = file.read_text()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        env.finish()

    assert file.read_text() == before
    assert sorted(path.name for path in Path(file.parent).iterdir()) == [".env", ".env.example"]
