"""A stack's secrets: random, kept, private."""

import base64
import stat
from dataclasses import asdict, replace

import pytest

from include.errors import CommandError
from include.lab.stack.stack import Ports, Stack, load_stack


def test_two_stacks_share_no_secret():
    """Credentials are random per set-up."""
    one, other = asdict(Stack()), asdict(Stack())
    same = {name for name, value in one.items() if value == other[name]}

    assert same == {"ports", "other_database_url", "other_airflow_database_url"}


def test_stack_comes_back_as_it_was(tmp_path):
    """A second start uses the passwords of the first."""
    stack = Stack(ports=Ports(relay=1, sandbox=2, airflow=3, postgres=4, supervisor=5))
    stack.save(tmp_path / "stack.json")

    assert load_stack(tmp_path / "stack.json") == stack


def test_file_is_the_owners_only(tmp_path):
    """It has every password in it; also when an older one was readable."""
    path = tmp_path / "stack.json"
    path.touch(0o644)

    Stack().save(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secret_that_an_older_version_did_not_know_is_added(tmp_path):
    """A checkout is updated under a stack that exists."""
    path = tmp_path / "stack.json"
    path.write_text('{"id": "old", "ports": {"relay": 1}, "no_longer_known": 1}')

    stack = load_stack(path)

    assert stack.id == "old"
    assert stack.relay_password


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ports": 1}', '{"ports": {"moon": 1}}'])
def test_unreadable_file_says_what_to_do(tmp_path, text):
    """One line, no traceback."""
    (tmp_path / "stack.json").write_text(text)

    with pytest.raises(CommandError, match="delete the folder"):
        load_stack(tmp_path / "stack.json")


def test_no_file_is_no_stack(tmp_path):
    """Before the first start."""
    assert load_stack(tmp_path / "stack.json") is None


def test_nothing_is_said_by_its_repr():
    """It is handed around; it must not reach a log."""
    stack = Stack()

    assert stack.relay_password not in repr(stack)


def test_clerk_secret_is_what_svix_reads():
    """whsec_ and the base64 of the key."""
    assert len(base64.b64decode(Stack().clerk_webhook_secret.removeprefix("whsec_"))) == 24


def test_databases_elsewhere_replace_the_embedded_ones():
    """Each for itself: the ops tables at Supabase leave Airflow's metadata here."""
    stack = Stack(ports=Ports(postgres=5433))
    ops_elsewhere = replace(stack, other_database_url="postgresql://supabase/x")
    both_elsewhere = replace(ops_elsewhere, other_airflow_database_url="postgresql://other/y")

    assert stack.database_url.endswith("@127.0.0.1:5433/ops")
    assert ops_elsewhere.database_url == "postgresql://supabase/x"
    assert ops_elsewhere.airflow_database_url.endswith("@127.0.0.1:5433/airflow")
    assert (stack.runs_postgres, ops_elsewhere.runs_postgres) == (True, True)
    assert not both_elsewhere.runs_postgres
