"""The pages of docs/operations, each line run by a shell on one host: backup, restore, upgrade and the way back."""

import re
import shutil
from contextlib import suppress

import httpx
import psycopg
import pytest

from include.lab.demo.checks import expect_members
from include.lab.demo.play import stage_on
from include.lab.stack.layout import ROOT
from tests.production.docker import docker_of
from tests.production.forms import NEXT, ONE_HOST, running
from tests.production.interpolation import read_env_files
from tests.waiting import until

pytestmark = pytest.mark.timeout(900)
PAGES = ROOT / "docs" / "operations"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VERSION = read_env_files(ROOT / ".env.example")["OPS_VERSION"]
WEBHOOKS = "http://localhost/webhooks/stripe"
OPEN = "SELECT count(*) FROM ops.inbox WHERE state IN ('waiting', 'dispatched', 'failed')"
SCHEMA = "SELECT version_num FROM ops.schema_version"
HERS = """
SELECT m.status FROM public.users AS u JOIN public.memberships AS m ON m.user_id = u.id WHERE u.email = %s
"""


def blocks_of(page):
    """Return what a page tells to type, a text for each block."""
    return BLOCK.findall((PAGES / page).read_text())


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    """Give one host, which is up."""
    with running(ONE_HOST, tmp_path_factory.mktemp("one host")) as form:
        yield form


@pytest.fixture
def docker(form):
    """Give the shell with `docker` in it."""
    with docker_of(form) as docker:
        yield docker


@pytest.fixture
def type_lines(docker, tmp_path):
    """Give what runs lines as they stand, in a folder of the test's own, or for a file of ours in the checkout."""

    def type_lines(text):
        done = docker.shell(text, at=ROOT if text.startswith("deploy/") else tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return type_lines


def statuses(form, members):
    """Return the memberships of members, by our tables."""
    with psycopg.connect(form.stack.database_url) as connection:
        return [[status for (status,) in connection.execute(HERS, [one.email])] for one in members]


def all_is_done(form):
    """Tell whether nothing waits in the inbox."""
    with (
        suppress(psycopg.OperationalError),
        psycopg.connect(form.stack.database_url) as connection,
    ):
        return connection.execute(OPEN).fetchone() == (0,)
    return False


def joined(stage, number):
    """Have people join; return them."""
    members = [stage.newcomer(one) for one in range(number)]
    for one in members:
        stage.deliver("joins", stage.join(one, "clerk_first").events)
    return members


def test_another_version_and_the_way_back(form, type_lines):
    """Each container of ours is of it afterwards, who joined is there, and who joins next is welcomed.

    The next version has a migration more. The one before it finds tables that it does not know, and leaves them so.
    Comes before a restore, after which the status says for a while that webhooks did not come.
    """
    there = []
    for page, change, version in (
        ("upgrade.md", form.wants_next, NEXT),
        ("way-back.md", lambda: form.wants(VERSION), VERSION),
    ):
        with stage_on(form.stack) as stage:
            there += joined(stage, 1)
        change()

        for lines in blocks_of(page):
            type_lines(lines)

        ours = [one for one in form.deployment.containers.values() if one.service.is_built]
        assert {one.service.image for one in ours if one.service.name != "sandbox"} == {
            f"wdai-ops:{version}"
        }
        with psycopg.connect(form.stack.database_url) as connection:
            assert connection.execute(SCHEMA).fetchall() == [("9999",)]
        with stage_on(form.stack) as stage:
            there += joined(stage, 1)
            expect_members(stage, there)
            assert stage.problems == []
    [prepare] = form.deployment.of("prepare")
    assert "migrate.newer" in prepare.log.read_text()


def test_backup_and_restore(form, type_lines):
    """What came after the dump is right again by the last two lines, though nobody sends it again."""
    [backup] = blocks_of("backup.md")
    stop, restore, start, reconcile = blocks_of("restore.md")
    with stage_on(form.stack) as stage:
        before = joined(stage, 2)
        type_lines(backup)
        after = joined(stage, 2)

    type_lines(stop)
    refused = httpx.post(WEBHOOKS, content=b"{}", timeout=20)  # Caddy 2.10 tries for 5 s
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    type_lines(restore)
    assert statuses(form, [*before, *after]) == [["active"], ["active"], [], []]
    type_lines(start)
    form.deployment.wait_until_healthy(seconds=180)
    first, second = reconcile.splitlines()
    type_lines(first)
    assert until(lambda: all_is_done(form), 120)
    told = type_lines(second)

    assert statuses(form, [*before, *after]) == [["active"]] * 4, told
    with stage_on(form.stack) as stage:
        contacts = stage.sandbox.contacts()
        assert [contacts[one.email].welcomes for one in before] == [1, 1]
        assert all(contacts[one.email].welcomes <= 2 for one in after)  # as the page says


def test_restore_on_a_new_volume(form, type_lines):
    """The disk is lost: a line of the page makes roles and databases anew, and they hold what the dumps have."""
    [backup] = blocks_of("backup.md")
    stop, restore, start, _ = blocks_of("restore.md")
    [empty] = re.findall(r"On a new volume, `([^`]+)`", (PAGES / "restore.md").read_text())
    with stage_on(form.stack) as stage:
        there = joined(stage, 2)
    type_lines(backup)

    type_lines(stop)
    form.deployment.stop("postgres")
    [postgres] = form.deployment.of("postgres")
    postgres.remove()
    del form.deployment.containers[postgres.name]
    shutil.rmtree(form.deployment.volumes / "postgres")
    type_lines(empty)
    type_lines(restore)
    type_lines(start)

    form.deployment.wait_until_healthy(seconds=180)
    assert statuses(form, there) == [["active"]] * 2
    with stage_on(form.stack) as stage:
        expect_members(stage, joined(stage, 1))
        assert stage.problems == []
