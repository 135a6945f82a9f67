"""Every secret of production is changed by the lines that `ops rotate` prints, while webhooks come: none is refused."""

import os
import secrets
import shutil
import sys
from contextlib import ExitStack, contextmanager

import httpx
import psycopg
import pytest
from dotenv import dotenv_values

from include.interview.env_file import EnvFile
from include.lab.demo.checks import expect_members
from include.lab.demo.play import stage_on
from include.lab.stack.layout import ROOT
from include.operate.setup.compose import READ_ONCE
from include.operate.setup.rotations import ROTATIONS
from tests.compose_lines import lines_in
from tests.production.docker import OUTSIDE, docker_of
from tests.production.forms import CELERY, ONE_HOST, TRIAL, running
from tests.signing_vendor import Vendor
from tests.terminal import Terminal
from tests.waiting import until

pytestmark = pytest.mark.timeout(900)
PUBLIC = "http://localhost"
PAUSE_SECONDS = 0.3
LOG_LINES = 60
SIGNED = {
    "stripe": "OPS_STRIPE_WEBHOOK_SECRETS",
    "clerk": "OPS_CLERK_WEBHOOK_SECRETS",
    "slack": "OPS_SLACK_SIGNING_SECRETS",
}
SLACKS_FIRST = "0" * 32
TYPED = {
    "stripe-webhook": {"Webhook secret": "whsec_" + "n" * 32},
    "clerk-webhook": {"Webhook secret": "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXc="},
    "slack-webhook": {"Webhook secret": "1" * 32},
    "stripe": {"Secret or restricted key": "sk_test_51Changed"},
    "clerk": {r"Secret key \(sk_": "sk_test_Changed"},
    "mailchimp": {"API key": "changed-us1"},
    "luma": {"API key": "luma-changed"},
    "slack": {"Bot's token": "xoxb-changed", "Administrator's token": "xoxp-changed"},
    "mail": {"Sender's address": "changed@example.org"},  # the sandbox's server knows no log-in
    "pagerduty": {"Integration key": "c" * 32},
    "twilio": {"Auth token": "twilio-changed"},
}
"""What a person types, and at which question; Enter keeps all else."""
ONLY_AIRFLOW = (
    *("airflow-admin", "airflow-reconciler", "airflow-fernet", "airflow-jwt", "airflow-api"),
    *("stripe", "clerk", "mailchimp", "luma", "slack", "mail", "pagerduty", "twilio"),
)
"""No relay is given these: they are changed at once, since each line replaces the same service."""
ONE_BY_ONE = (
    *("stripe-webhook", "clerk-webhook", "slack-webhook", "airflow-relay"),
    *("database-ops", "database-airflow", "database-postgres"),
)
PLATFORM, BROKER = "database-platform", "redis"
STORED = "SELECT count(*) FROM ops.inbox WHERE event_id LIKE %s"
NOT_DONE = "SELECT state, count(*) FROM ops.inbox WHERE state IN ('waiting', 'dispatched', 'failed', 'dead') GROUP BY 1"


class Host:
    """The folder of a production that is up, as the person on its host has it, and what vendors send meanwhile."""

    def __init__(self, form, docker):
        """Take what `.env` says now for what the vendors sign with."""
        self.form, self._docker, self._folder = form, docker, form.env.parent
        self.vendors = {
            kind: Vendor(kind, [self.value(name)], lambda: by_the_proxy, pause=PAUSE_SECONDS)
            for kind, name in SIGNED.items()
        }

    def value(self, name):
        """Return what `.env` says."""
        return EnvFile(self.form.env).resolved()[name]

    @contextmanager
    def under_load(self):
        """Have all vendors send while the block runs; each webhook is answered 200, stored once, and its run ends."""
        with ExitStack() as sending:
            for vendor in self.vendors.values():
                vendor.refused.clear()  # what an earlier test has found
                sending.enter_context(vendor.sending())
            self._wait_for_more()
            yield
            self._wait_for_more()
        assert self._refused() == {}, self._said()
        with psycopg.connect(self.form.stack.database_url, autocommit=True) as connection:
            for kind in ("stripe", "clerk"):
                [stored] = connection.execute(STORED, [f"evt_{kind}_%"]).fetchone()
                assert stored == len(self.vendors[kind].sent)
            until(lambda: not connection.execute(NOT_DONE).fetchall(), 120)
            assert connection.execute(NOT_DONE).fetchall() == []
        assert {name for name, is_so in self._is_given_what_env_says() if not is_so} == set()

    def _wait_for_more(self):
        for vendor in self.vendors.values():
            vendor.wait_for(20)

    def run(self, *lines):
        """Run lines in a shell, one after the other."""
        for line in lines:
            done = self._docker.shell(line, at=self._folder)
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    def rotate(self, *names, typed=TYPED):
        """Change secrets step by step, as a person does who runs each line that she is told to, until there is none."""
        for name in names:
            self._at_the_vendor(name)
        lines = {name: self._step(name, typed.get(name, {})) for name in names}
        warned = (
            "slack-webhook" in names
        )  # those who press a button before the relays have the first step's
        while lines:
            self.run(*dict.fromkeys(line for told in lines.values() for line in told[:-1]))
            if warned:
                self._presses_were_refused()
                warned = False
            self._wait_for_more()
            assert self._refused() == {}, self._said()
            for name in lines:
                self._a_day_later(name)
            after = {name: self._step(name, {}, "--next") for name in lines}
            lines = {name: told for name, told in after.items() if told}

    def _refused(self):
        """Return what was not answered 200, by vendor, with what came in its place."""
        return {kind: one.refused for kind, one in self.vendors.items() if one.refused}

    def _said(self):
        """Return what the proxy and all relays have written down, those that were replaced too, as it came."""
        machine = self.form.deployment.machine
        logs = machine.path(machine.folder / "containers").glob("*/log")
        return "\n".join(
            f"{log.parent.name}: {line}"
            for log in sorted(logs)
            if log.parent.name.startswith(("caddy", "relay"))
            for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        )

    def _presses_were_refused(self):
        """Forget those that Slack signed with the new secret before the relays had it, as the command says it does."""
        refused = self.vendors["slack"].refused
        assert {status for _, status in refused} == {httpx.codes.BAD_REQUEST}
        refused.clear()

    def _step(self, name, answers, *options):
        """Begin a rotation or go on with it; return the lines that are to be run then, and none after the last step."""
        terminal = Terminal(
            [sys.executable, "-P", "-m", "include.operate", "rotate", name, *options], cwd=self._folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            assert terminal.answer_all(answers) == 0, terminal.shown
        finally:
            terminal.close()
        told = lines_in(terminal.shown.replace("\r", ""))
        assert told[-1:] in ([], [f"./ops rotate {name} --next"])
        assert told or f"{name} is rotated" in terminal.shown
        return told

    def _at_the_vendor(self, name):
        """Do what the first step says: from then on the vendor signs with both, and Slack with the new one alone."""
        vendor = self.vendors.get(name.removesuffix("-webhook"))
        if vendor and name.endswith("-webhook"):
            [new] = TYPED[name].values()
            vendor.secrets = [new] if vendor.kind == "slack" else [new, *vendor.secrets]

    def _a_day_later(self, name):
        """Let the vendor sign with the new one alone."""
        vendor = self.vendors.get(name.removesuffix("-webhook"))
        if vendor and name.endswith("-webhook"):
            vendor.secrets = vendor.secrets[:1]

    def _is_given_what_env_says(self):
        """Yield each container that stays up, and whether it is what Compose would start now."""
        services = self.form.project().services
        for one in self.form.deployment.containers.values():
            if one.keeps_going() and one.service.name not in (OUTSIDE, *READ_ONCE):
                yield one.name, one.service == services[one.service.name]


def by_the_proxy(client, path, body, headers):
    """Send as the world does; return the status, or what came in its place."""
    try:
        return client.post(f"{PUBLIC}{path}", content=body, headers=headers).status_code
    except httpx.HTTPError as error:
        return type(error).__name__


@contextmanager
def hosting(name, folder):
    """Give a form that is up, its folder that of a production: Compose's files, and one `.env` that says all."""
    with running(name, folder) as form, docker_of(form) as docker:
        for file in ("docker-compose.yaml", ".env.example"):
            shutil.copy(ROOT / file, folder)
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        sandbox = form.deployment.address("sandbox")  # its name is known inside the containers only
        env = EnvFile(form.env)
        env.values |= {
            name: text.replace("sandbox:8026", f"{sandbox}:8026").replace(
                '"host": "sandbox"', f'"host": "{sandbox}"'
            )
            for name, text in dotenv_values(ROOT / TRIAL, interpolate=False).items()
        }
        slack = env.connection("slack")
        slack["extra"]["profile_field"] = (
            "Xf0MEMBERSHIP"  # only then there is an administrator's token
        )
        env.set_connection("slack", slack)
        env.values["OPS_SLACK_SIGNING_SECRETS"] = SLACKS_FIRST
        env.finish()
        host = Host(form, docker)
        host.run("docker compose up --detach")
        form.deployment.wait_until_healthy(seconds=180)
        yield host


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Give one host."""
    with hosting(ONE_HOST, tmp_path_factory.mktemp("one host")) as host:
        yield host


def test_no_secret_is_left_out():
    """A rotation that comes later is changed under load, too."""
    assert {*ONE_BY_ONE, *ONLY_AIRFLOW, PLATFORM, BROKER} == {*ROTATIONS}


@pytest.mark.parametrize("names", [*((one,) for one in ONE_BY_ONE), ONLY_AIRFLOW], ids="_".join)
def test_secret_changes_and_no_webhook_is_refused(host, names):
    """Each container that is given it has the new one at the end, and no other is replaced by a line."""
    before = {name: host.value(ROTATIONS[name].variable) for name in names}

    with host.under_load():
        host.rotate(*names)

    for name, old in before.items():
        assert host.value(ROTATIONS[name].variable) != old


def test_password_at_the_platform_changes_and_no_webhook_is_refused(host):
    """The platform's own Postgres, here the same: it is given the new password there, then the address is typed."""
    password = secrets.token_hex(16)
    address = host.form.deployment.address("postgres")
    change = f"ALTER ROLE ops PASSWORD $x${password}$x$"

    with host.under_load():
        host.run("docker compose stop airflow")  # as it says at the question
        host.run(f"docker compose exec -T postgres psql --username postgres --command '{change}'")
        typed = {"Platform's Postgres": f"postgresql://ops:{password}@{address}:5432/ops"}
        host.rotate(PLATFORM, typed={PLATFORM: typed})

    assert password in host.value("OPS_DATABASE_URL")


def test_member_joins_when_all_is_changed(host):
    """Webhooks, runs and vendors go together as before. The vendors' stand-in is given the new secrets, too."""
    host.run(f"docker compose up --detach --no-deps --wait {OUTSIDE}")
    with stage_on(host.form.stack) as stage:
        member = stage.newcomer()
        stage.deliver("joins", stage.join(member, "stripe_first").events)

        expect_members(stage, [member])
        assert stage.problems == []


def test_password_of_the_broker_changes_and_no_webhook_is_refused(tmp_path):
    """On several hosts: Redis takes both until it is replaced, after all that speak to it."""
    with hosting(CELERY, tmp_path) as host:
        before = host.value("REDIS_PASSWORD")

        with host.under_load():
            host.rotate(BROKER)

        assert host.value("REDIS_PASSWORD") != before
