"""The drill: secrets change while signed webhooks flow to two relays, and not one webhook is refused.

Each secret of production is changed in tests/production/test_rotate.py; here, daily, one of each kind.
"""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from include.interview.env_file import EnvFile
from include.operate.setup.interview import trial
from include.operate.setup.rotations import ROTATIONS
from tests.compose_lines import Lines, lines_in
from tests.kept_environment import kept
from tests.postgres import binary
from tests.relay_process import RelayProcess
from tests.signing_vendor import Vendor
from tests.terminal import Terminal

ROOT = Path(__file__).parents[3]
RELAYS = ("relay-1", "relay-2")
PROBE_SECONDS = 0.4  # Caddy's 3, and the relays' 6 in the compose file, in the same proportion
STRIPE, CLERK = "OPS_STRIPE_WEBHOOK_SECRETS", "OPS_CLERK_WEBHOOK_SECRETS"
SLACK = "OPS_SLACK_SIGNING_SECRETS"
OTHER = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXc="


class Fleet:
    """Two relays as the compose file gives them their settings, replaced one after the other."""

    def __init__(self, lines, airflow_url, folder):
        self.lines, self.airflow_url, self.folder = lines, airflow_url, folder
        self.relays = {}

    def replace(self, name):
        """Stop one as `docker compose up` does, and start it with what `.env` says now."""
        given = self.lines.given_to(name)
        settings = {key.removeprefix("OPS_").lower(): value for key, value in given.items()}
        settings = {
            key: value for key, value in settings.items() if key not in ("relay_port", "relay_host")
        }
        settings |= {"airflow_url": self.airflow_url, "relay_leaving_seconds": 5 * PROBE_SECONDS}
        old = self.relays.get(name)
        if old is not None:
            old.stop()
            old.client.close()
        new = RelayProcess(settings.pop("database_url"), self.folder / f"{name}.log", **settings)
        new.start()
        self.relays[name] = new

    def proxy(self):
        """Return what sends by a proxy of its own."""
        return Proxy(self).send

    def end(self):
        """Kill both."""
        for relay in self.relays.values():
            relay.kill()
            relay.client.close()


class Proxy:
    """Sends to a relay that was ready when it was last asked, as Caddy does; to the other where one does not listen."""

    def __init__(self, fleet):
        self._fleet = fleet
        self._ready, self._asked_at = RELAYS, 0.0
        self._turn = 0

    def send(self, client, path, body, headers):
        """Return the status that the vendor sees."""
        if time.monotonic() - self._asked_at > PROBE_SECONDS:
            self._ready = [name for name in RELAYS if self._is_ready(client, name)]
            self._asked_at = time.monotonic()
        self._turn += 1
        first = self._turn % max(1, len(self._ready))
        for name in [*self._ready[first:], *self._ready[:first]]:
            try:
                url = f"{self._fleet.relays[name].url}{path}"
                return client.post(url, content=body, headers=headers).status_code
            except httpx.ConnectError:
                continue
            except httpx.HTTPError as error:
                return type(error).__name__
        return "no relay listens"

    def _is_ready(self, client, name):
        try:
            return client.get(f"{self._fleet.relays[name].url}/readyz").status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture
def folder(tmp_path, database):
    """Give a deployment's folder with all secrets made."""
    return deployment(tmp_path, OPS_DATABASE_URL=database)


def deployment(folder, **values):
    """Make `.env` in a folder, as `ops init --sandbox` does, with these values."""
    for name in ("docker-compose.yaml", ".env.example"):
        shutil.copy(ROOT / name, folder)
    env = EnvFile(folder / ".env")
    for name, value in values.items():
        env.set(name, value)
    trial(env)
    return folder


@pytest.fixture
def start_fleet(airflow, tmp_path):
    """Start two relays of a deployment; they end with the test."""
    fleets = []

    def start(folder, **tools):
        lines = Lines(folder, tools=tools)
        fleet = Fleet(lines, airflow.url, tmp_path)
        lines._start = {name: lambda name=name: fleet.replace(name) for name in RELAYS}
        lines._start |= {"airflow": lambda: None}
        fleets.append(fleet)
        for name in RELAYS:
            fleet.replace(name)
        return fleet

    yield start
    for fleet in fleets:
        fleet.end()


def value(folder, name):
    return EnvFile(folder / ".env").get(name)


def run_printed(lines, printed):
    """Run what a person is told to, except the step that follows; return that one."""
    *first, following = lines_in(printed)
    for line in first:
        lines.run(line)
    return following


def rotated_by_hand(folder, name, secret):
    """Start a rotation at a terminal, and type the new secret."""
    environment = kept("PATH", "HOME") | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "include.operate", "rotate", name]
    terminal = Terminal(command, env=environment, cwd=folder)
    try:
        terminal.answer("Webhook secret", secret)
        assert terminal.end() == 0, terminal.shown
    finally:
        terminal.close()
    return terminal.shown.replace("\r", "")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("kind", "variable"),
    [("stripe", STRIPE), pytest.param("clerk", CLERK, marks=pytest.mark.only_with("--long"))],
)
def test_webhook_secret_changes_and_none_is_refused(kind, variable, folder, store, start_fleet):
    """The vendor signs with both for a day; the relays take both from the first step to the second."""
    fleet = start_fleet(folder)
    old = value(folder, variable)
    vendor = Vendor(kind, [old], fleet.proxy)
    with vendor.sending():
        vendor.wait_for(50)
        vendor.secrets = [OTHER, old]  # rolled in the dashboard
        vendor.wait_for(50)
        printed = rotated_by_hand(folder, f"{kind}-webhook", OTHER)
        following = run_printed(fleet.lines, printed)
        assert value(folder, variable) == f"{OTHER},{old}"
        vendor.secrets = [OTHER]  # the day is over
        vendor.wait_for(50)
        following = run_printed(fleet.lines, fleet.lines.run(following))
        assert value(folder, variable) == OTHER
        assert f"{kind}-webhook is rotated" in fleet.lines.run(following)
        vendor.wait_for(50)

    assert vendor.refused == []
    assert sum(store.inbox.counts().values()) == len(vendor.sent) >= 200
    assert len([line for line in fleet.lines.done if "--wait relay-" in line]) == 4
    assert old not in printed
    assert OTHER not in printed
    with httpx.Client() as client:
        vendor.secrets = [old]
        body, headers = vendor.signed("evt_old")
        path = f"/webhooks/{kind}"
        assert fleet.proxy()(client, path, body, headers) == 400


@pytest.mark.only_with("--long")
@pytest.mark.timeout(240)
def test_signing_secret_of_slack_changes_while_webhooks_come(folder, start_fleet):
    """Slack signs with the new one at once: presses fail until both relays have it, Stripe's webhooks never do."""
    old, new = "0" * 32, "1" * 32
    env = EnvFile(folder / ".env")
    env.values[SLACK] = old
    env.finish()
    fleet = start_fleet(folder)
    stripe = Vendor("stripe", [value(folder, STRIPE)], fleet.proxy)
    slack = Vendor("slack", [old], fleet.proxy)
    with stripe.sending(), slack.sending():
        slack.wait_for(50)
        assert slack.refused == []
        slack.secrets = [new]  # regenerated at Slack, which shows it only then
        printed = rotated_by_hand(folder, "slack-webhook", new)
        following = run_printed(fleet.lines, printed)
        assert value(folder, SLACK) == f"{new},{old}"
        refused = len(slack.refused)
        slack.wait_for(50)
        following = run_printed(fleet.lines, fleet.lines.run(following))
        assert value(folder, SLACK) == new
        assert "slack-webhook is rotated" in fleet.lines.run(following)
        slack.wait_for(50)

    assert {status for _, status in slack.refused} == {400}
    assert len(slack.refused) == refused
    assert stripe.refused == []
    assert new not in printed


@pytest.mark.timeout(120)
def test_secret_that_is_rolled_without_a_day_for_both_is_refused(folder, start_fleet):
    """The drill can fail: that is what the vendor's overlap is for."""
    fleet = start_fleet(folder)
    vendor = Vendor("stripe", [value(folder, STRIPE)], fleet.proxy)
    with vendor.sending():
        vendor.wait_for(20)
        vendor.secrets = [OTHER]
        vendor.wait_for(20)

    assert {status for _, status in vendor.refused} == {400}


@pytest.fixture
def guarded(own_postgres, tmp_path):
    """Give a deployment whose Postgres wants passwords of its roles."""
    hba = own_postgres.folder / "cluster" / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("host all ops 127.0.0.1/32 scram-sha-256\n" + before)
    folder = tmp_path / "deployment"
    folder.mkdir()
    address = (
        f"postgresql://ops:${{OPS_DATABASE_PASSWORD}}@127.0.0.1:{own_postgres.port}/ops_rotate_test"
    )
    deployment(folder, OPS_DATABASE_URL=address)
    own_postgres.execute(
        f"CREATE ROLE ops LOGIN SUPERUSER PASSWORD '{value(folder, 'OPS_DATABASE_PASSWORD')}'"
    )
    own_postgres.execute("SELECT pg_reload_conf()")
    own_postgres.execute("CREATE DATABASE ops_rotate_test TEMPLATE ops_template_test OWNER ops")
    yield folder
    hba.write_text(before)
    own_postgres.execute("DROP DATABASE ops_rotate_test WITH (FORCE)")
    own_postgres.execute("DROP ROLE ops")
    own_postgres.execute("SELECT pg_reload_conf()")


@pytest.mark.timeout(240)
def test_password_of_the_database_changes_and_none_is_refused(guarded, own_postgres, start_fleet):
    """Open sessions go on with the old password; each relay that is started anew comes with the new one."""
    psql = [
        sys.executable,
        "-c",
        AS_SUPERUSER,
        str(binary("psql")),
        f"--dbname={own_postgres.dsn()}",
    ]
    fleet = start_fleet(guarded, psql=psql)
    old = EnvFile(guarded / ".env").resolved()["OPS_DATABASE_URL"]
    vendor = Vendor("stripe", [value(guarded, STRIPE)], fleet.proxy)
    with vendor.sending():
        vendor.wait_for(50)
        printed = fleet.lines.ops("rotate", "database-ops")
        following = run_printed(fleet.lines, printed)
        vendor.wait_for(50)
        assert "database-ops is rotated" in fleet.lines.run(following)

    assert vendor.refused == []
    new = EnvFile(guarded / ".env").resolved()["OPS_DATABASE_URL"]
    with psycopg.connect(new) as connection:
        [[stored]] = connection.execute("SELECT count(*) FROM ops.inbox").fetchall()
    assert stored == len(vendor.sent) >= 100
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    assert value(guarded, "OPS_DATABASE_PASSWORD") not in printed


AS_SUPERUSER = """
import subprocess, sys
*psql, user_option, user, command_option, statement = sys.argv[1:]
assert (user_option, user, command_option) == ("--username", "postgres", "--command")
sys.exit(subprocess.call([*psql, command_option, statement]))
"""
"""`psql` as inside the container, where the superuser is called postgres."""


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed here")
def test_password_of_redis_changes_and_both_are_taken_meanwhile(tmp_path):
    """The line has the new password's hash alone; until Redis is replaced, who has the old one works on."""
    folder = deployment(tmp_path, REDIS_PASSWORD="old-password")
    port = free_port()
    server = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--requirepass",
    ]
    process = subprocess.Popen([*server, "old-password"], stdout=subprocess.DEVNULL, cwd=tmp_path)
    try:
        redis = ["redis-cli", "-p", str(port), "--no-auth-warning", "-a"]
        wait_until(lambda: pong(redis, "old-password"))
        env = EnvFile(folder / ".env")
        env.values["REDIS_PASSWORD"] = "a-new-password"
        [line] = ROTATIONS["redis"].steps[0].before(env)
        Lines(folder, tools={"redis-cli": [*redis, "old-password"]}).run(line)

        for password in ("old-password", "a-new-password"):
            assert pong(redis, password)
        assert "a-new-password" not in line
    finally:
        process.kill()
        process.wait(timeout=10)


def pong(redis, password):
    answer = subprocess.run([*redis, password, "ping"], capture_output=True, check=False)
    return answer.stdout == b"PONG\n"


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
