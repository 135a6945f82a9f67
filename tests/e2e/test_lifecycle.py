"""Up, up again, down, up on what was left: the stack's life as a developer lives it."""

import json
from contextlib import closing

import httpx
import psycopg
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.play import stage_on
from include.lab.demo.stage import Stage
from include.lab.stack.supervisor import Supervisor
from tests.local_stack import LocalStack

pytestmark = pytest.mark.timeout(600)
PEOPLE = {"admin", "operator", "viewer"}
ADDRESSES = {"relay", "airflow", "console", "sandbox", "database"}
SECRETS = {"stripe_webhook_secret", "clerk_webhook_secret"}


def test_second_up_says_that_it_is_up(local_stack: LocalStack):
    """`up` on a stack that is up starts nothing and shows the addresses."""
    before = pids(local_stack)

    said = local_stack.up()

    assert "up already" in said
    assert local_stack.stack.airflow_url in said
    assert pids(local_stack) == before


def test_status_has_its_exact_form(local_stack: LocalStack):
    """`status --json` is what other programs find the stack by: addresses, secrets, log-ins."""
    status = json.loads(local_stack.ops("status", "--json").stdout)

    assert ADDRESSES | SECRETS | {"users"} <= set(status)
    assert set(status["users"]) == PEOPLE
    assert all(set(user) == {"username", "password"} for user in status["users"].values())
    assert httpx.get(f"{status['relay']}/readyz").json()["ready"] is True
    assert httpx.get(f"{status['sandbox']}/_sandbox/healthz").is_success
    log_in = httpx.post(f"{status['airflow']}/auth/token", json=status["users"]["viewer"])
    assert log_in.status_code == httpx.codes.CREATED
    with psycopg.connect(status["database"]) as database:
        assert database.execute("SELECT count(*) FROM ops.inbox").fetchone()


def test_status_for_people_keeps_secrets(local_stack: LocalStack):
    """One screen: who is well, where everything is, and where the passwords are; not the passwords."""
    said = local_stack.ops("status").stdout

    stack = local_stack.stack
    assert stack.airflow_url in said
    assert all(user["password"] not in said for user in stack.users.values())
    assert stack.stripe_webhook_secret not in said


def test_files_with_secrets_are_for_the_owner_only(local_stack: LocalStack):
    """Whoever else has an account on the machine reads neither passwords nor secrets."""
    layout = local_stack.layout

    modes = {
        path.name: path.stat().st_mode & 0o077
        for path in (layout.stack_file, layout.supervisor_conf)
    }

    assert modes == {"stack.json": 0, "supervisord.conf": 0}


def test_down_leaves_nothing_and_a_second_start_goes_on(local_stack: LocalStack, stage: Stage):
    """`down` ends every process; the next `up` knows everybody the first one knew."""
    member = stage.newcomer()
    joined = stage.join(member, "clerk_first")
    stage.deliver("joins", joined.events)
    known = [person.member_id for person in stage.people([member])]

    local_stack.down()
    left = local_stack.processes()
    nothing_to_stop = local_stack.down()
    local_stack.up()

    assert left == []
    assert "no stack is up" in nothing_to_stop
    with stage_on(local_stack.stack) as after:
        assert [person.member_id for person in after.people([member])] == known
        somebody = after.newcomer()
        after.deliver("joins", after.join(somebody, "clerk_first").events)
        expect_members(after, [somebody])
        assert after.problems == []


def pids(local_stack: LocalStack) -> dict[str, int | None]:
    """Return the id of each process."""
    with closing(Supervisor(local_stack.stack)) as supervisor:
        return {process.name: process.pid for process in supervisor.processes()}
