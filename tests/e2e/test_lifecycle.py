"""Up, up again, down, up on what was left: the stack's life as a developer lives it."""

import json
from contextlib import closing

import httpx
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.play import stage_on
from include.lab.demo.stage import Stage
from include.lab.stack import lifecycle
from include.lab.stack.supervisor import Supervisor
from tests.local_stack import COMMAND_SECONDS, LocalStack

pytestmark = pytest.mark.timeout(600)


def test_second_up_says_that_it_is_up(local_stack: LocalStack):
    """`up` on a stack that is up starts nothing and shows the addresses."""
    before = pids(local_stack)

    said = local_stack.up()

    assert "up already" in said
    assert local_stack.stack.airflow_url in said
    assert pids(local_stack) == before


def test_status_leads_to_what_is_there(local_stack: LocalStack):
    """`status --json` has addresses that answer."""
    status = json.loads(local_stack.ops("status", "--json").stdout)

    assert status["deployment"] == "local"
    assert [httpx.get(f"{url}/readyz").json()["ready"] for url in status["relays"]] == [True]
    assert httpx.get(f"{status['sandbox']}/_sandbox/healthz").is_success
    assert httpx.get(f"{status['airflow']}/api/v2/version").is_success


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_status_keeps_secrets(local_stack: LocalStack, options):
    """Neither people nor programs are told a password, a secret, or an address that holds one."""
    said = local_stack.ops("status", *options).stdout

    stack = local_stack.stack
    secrets = [
        value
        for name, value in vars(stack).items()
        if isinstance(value, str) and len(value) > 12 and name != "id"
    ]
    assert stack.airflow_url in said
    assert [one for one in secrets if one in said] == []


def test_files_with_secrets_are_for_the_owner_only(local_stack: LocalStack):
    """Whoever else has an account on the machine reads neither passwords nor secrets."""
    layout = local_stack.layout

    modes = {
        path.name: path.stat().st_mode & 0o077
        for path in (layout.stack_file, layout.supervisor_conf)
    }

    assert modes == {"stack.json": 0, "supervisord.conf": 0}


def test_down_leaves_nothing_and_a_second_start_goes_on(local_stack: LocalStack, stage: Stage):
    """`down` ends every process; the next `up` knows everybody the first one knew.

    It waits while another stack starts: that one's ports are chosen, and not open yet.
    """
    member = stage.newcomer()
    joined = stage.join(member, "clerk_first")
    stage.deliver("joins", joined.events)
    known = [person.member_id for person in stage.people([member])]

    local_stack.down()
    left = local_stack.processes()
    nothing_to_stop = local_stack.down()
    with lifecycle.exclusive(lifecycle.PORTS_LOCK):
        second = local_stack.begin("up", "--detach")
        waits = second.stdout.readline()
    said, _ = second.communicate(timeout=COMMAND_SECONDS)

    assert left == []
    assert "no stack is up" in nothing_to_stop
    assert "another ./ops is starting" in waits
    assert second.returncode == 0, said
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
