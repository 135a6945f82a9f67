"""`./ops init` at a real terminal, against the vendors on the wire and a real platform's Postgres."""

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from include.routing import STARTING_TYPES
from tests.kept_environment import kept
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
STRIPE_KEY, CLERK_KEY = "sk_test_51Typed", "sk_test_Typed"
CLERK_SECRET = "whsec_c2FuZGJveC1jbGVyay1zZWNyZXQtMDAwMQ=="
SIGNING_SECRET = "5160" * 8
TYPED = [
    SIGNING_SECRET,
    STRIPE_KEY,
    CLERK_KEY,
    CLERK_SECRET,
    "typed-us6",
    "luma-typed",
    "xoxb-typed",
    "p" * 32,
]
OPTIONAL = ("luma", "slack", "slack_admin", "smtp", "pagerduty", "twilio")


class Place:
    """A deployment's folder, whose `.env` leads to the sandbox, and `./ops init` in it."""

    def __init__(self, folder, world):
        self.folder, self.world = folder, world
        self.env = folder / ".env"
        for name in ("docker-compose.yaml", ".env.example"):
            shutil.copy(ROOT / name, folder)
        url = world.sandbox.url
        hosts = {
            "stripe": f"{url}/stripe",
            "clerk": f"{url}/clerk/v1",
            "mailchimp": f"{url}/mailchimp/3.0",
            "luma": f"{url}/luma",
            "pagerduty": f"{url}/pagerduty/v2",
            "twilio": f"{url}/twilio",
        }
        lines = [
            f"AIRFLOW_CONN_{name.upper()}='{json.dumps({'host': host})}'"
            for name, host in hosts.items()
        ]
        slack = {"conn_type": "slack", "extra": {"base_url": f"{url}/slack/api/"}}
        lines += [
            f"AIRFLOW_CONN_SLACK='{json.dumps(slack)}'",
            f"OPS_DATABASE_URL={world.dsn}",
            "OPS_MINE=kept",
        ]
        self.env.write_text("\n".join(lines))

    def start(self, *arguments):
        """Start it at a terminal."""
        return Terminal(self.command(*arguments), env=self.environment(), cwd=self.folder)

    def command(self, *arguments):
        """Return the words that start it."""
        return [sys.executable, "-m", "include.lab", "init", *arguments]

    def environment(self):
        """Return an environment that names no deployment."""
        return {**kept("PATH", "HOME"), "PYTHONPATH": str(ROOT), "TERM": "dumb"}

    def values(self, file=None):
        """Return what the file says, as another reader reads it."""
        return dotenv_values(file or self.env, interpolate=False)

    def connection(self, name):
        """Return a connection that the file has."""
        return json.loads(self.values()[f"AIRFLOW_CONN_{name.upper()}"])


@pytest.fixture
def place(tmp_path, world):
    world.sandbox.ask("PATCH", "settings", json={"slack_limits": False})
    return Place(tmp_path, world)


@pytest.fixture
def start(place):
    """Start `./ops init`, and end it with the test."""
    started = []

    def starting(*arguments):
        started.append(place.start(*arguments))
        return started[-1]

    yield starting
    for terminal in started:
        terminal.close()


def answer_what_is_needed(terminal):
    """Answer up to Mailchimp's welcome."""
    terminal.answer("Address at which people", "https://ops.example.org")
    terminal.answer("Platform's Postgres")
    terminal.answer("Secret or restricted key", STRIPE_KEY)
    terminal.expect("Account Sandbox, test mode")
    terminal.answer("Make an endpoint for https://ops.example.org/webhooks/stripe", "y")
    terminal.answer(r"Secret key \(sk_", CLERK_KEY)
    terminal.expect("A development instance")
    terminal.answer("Webhook secret", CLERK_SECRET)
    terminal.answer("API key", "typed-us6")
    terminal.expect("1  Members")
    terminal.answer("Audience of the members", "1")
    terminal.answer("New members are welcomed by", "1")
    terminal.answer(
        "That address",
        "https://us6.api.mailchimp.com/3.0/customer-journeys/journeys/1001/steps/2001/actions/trigger",
    )


def leave_out_the_rest(terminal):
    """Use no vendor that can be done without."""
    for vendor in ("Luma", "Slack", "mail", "PagerDuty", "Twilio"):
        terminal.answer(f"Use {vendor}", "n")
    terminal.answer("dead man's switch", "n")
    terminal.answer("Address where the relay", "n")


@pytest.mark.timeout(240)
def test_new_deployment_is_asked_for_made_and_examined(place, start):
    """Keys are asked for, lists offered, secrets made; what was written is what the doctor finds well."""
    sandbox = place.world.sandbox
    terminal = start()
    answer_what_is_needed(terminal)
    terminal.answer("Use Luma", "y")
    terminal.answer("API key", "luma-typed")
    terminal.expect("The key of The team")
    terminal.answer("Use Slack", "y")
    terminal.answer("Bot's token", "xoxb-typed")
    ops = terminal.expect(r"(\d+)  ops-alerts")[1]
    terminal.answer("Channel for failures", ops)
    terminal.answer("Channel for questions", ops)
    terminal.expect("2  not used")
    terminal.answer("User group", "1")
    members = terminal.expect(r"(\d+)  members")[1]
    terminal.answer("Members' channels", members)
    terminal.answer("https://ops.example.org/webhooks/slack", "y")
    terminal.answer("Webhook secret", SIGNING_SECRET)
    terminal.answer("into a field of members' profiles", "n")
    terminal.answer("Use mail", "y")
    terminal.answer("Server", "127.0.0.1")
    terminal.answer("Port", str(sandbox.ask("GET", "healthz")["ports"]["mail"]))
    terminal.answer("Encryption", "3")
    terminal.answer("Login")
    terminal.answer("Sender's address", "ops@example.org")
    terminal.answer("Use PagerDuty", "y")
    terminal.answer("Integration key", "p" * 32)
    terminal.answer("Use Twilio", "n")
    terminal.answer("dead man's switch", "n")
    terminal.answer("Address where the relay", "n")

    code = terminal.end()

    assert (code, " 0 failed" in terminal.shown) == (0, True), terminal.shown
    assert stat.S_IMODE(place.env.stat().st_mode) == 0o600
    assert sorted(path.name for path in place.folder.iterdir()) == [
        ".env",
        ".env.example",
        "docker-compose.yaml",
    ]
    values = place.values()
    assert values["OPS_MINE"] == "kept"
    assert values["OPS_CLERK_MODE"] == "test"
    assert place.connection("mailchimp")["extra"] == {
        "list_id": "a1b2c3d4e5", "journey_id": 1001, "journey_step_id": 2001,
    }  # fmt: skip
    assert place.connection("slack")["extra"] == {
        "base_url": f"{sandbox.url}/slack/api/", "ops_channel": "C0OPSALERTS", "staff_channel": "C0OPSALERTS",
        "user_group": "S0MEMBERS01", "channels": ["C0MEMBERS01"], "buttons": True,
    }  # fmt: skip
    assert values["OPS_SLACK_SIGNING_SECRETS"] == SIGNING_SECRET
    assert (values["AIRFLOW_CONN_TWILIO"], values["OPS_ALERT_SIGNAL_URL"]) == ("", "")


@pytest.mark.timeout(240)
def test_without_what_can_be_done_without_nothing_failed(place, start):
    """No Luma, no Slack, no mail, no PagerDuty, no Twilio: the doctor takes all of it."""
    terminal = start()
    answer_what_is_needed(terminal)
    leave_out_the_rest(terminal)

    assert terminal.end() == 0, terminal.shown
    assert " 0 failed" in terminal.shown
    assert {place.values()[f"AIRFLOW_CONN_{name.upper()}"] for name in OPTIONAL} == {""}
    for name in ("Luma", "Slack"):
        assert re.search(rf"not configured +{name}", terminal.shown)


@pytest.mark.timeout(240)
def test_secrets_are_made_once_and_never_shown(place, start):
    """A second start keeps every value, and neither start shows one."""
    terminal = start()
    answer_what_is_needed(terminal)
    leave_out_the_rest(terminal)
    terminal.end()
    first = place.values()
    again = start()
    again.answer("Address at which people")
    again.answer("Platform's Postgres.*Enter keeps it")
    again.answer("Secret or restricted key.*Enter keeps it")
    again.answer("webhook secret is set. Keep it")
    again.answer(r"Secret key \(sk_.*Enter keeps it")
    again.answer("webhook secret is set. Keep it")
    again.answer("API key.*Enter keeps it")
    again.answer("Audience of the members")
    again.answer("New members are welcomed by")
    again.answer("That address")
    for vendor in ("Luma", "Slack", "mail", "PagerDuty", "Twilio"):
        again.answer(f"Use {vendor}.*y/N")
    again.answer("dead man's switch")
    again.answer("Address where the relay")

    assert again.end() == 0

    assert place.values() == first
    assert "none was made anew" in again.shown
    made = [
        value for name, value in first.items() if re.search("PASSWORD|SECRET|KEY", name) and value
    ]
    assert len(made) >= 9
    Fernet(first["AIRFLOW_FERNET_KEY"])
    for secret in [*TYPED, *made]:
        assert secret not in terminal.shown + again.shown


def test_slack_s_signing_secret_that_is_set_may_be_kept(place, start):
    """It is not asked for again, and messages have buttons."""
    place.env.write_text(f"{place.env.read_text()}\nOPS_SLACK_SIGNING_SECRETS={SIGNING_SECRET}\n")
    terminal = start()
    answer_what_is_needed(terminal)
    terminal.answer("Use Luma", "n")
    terminal.answer("Use Slack", "y")
    terminal.answer("Bot's token", "xoxb-typed")
    ops = terminal.expect(r"(\d+)  ops-alerts")[1]
    terminal.answer("Channel for failures", ops)
    terminal.answer("Channel for questions", ops)
    terminal.answer("User group", "1")
    terminal.answer("Members' channels", terminal.expect(r"(\d+)  members")[1])
    terminal.answer("https://ops.example.org/webhooks/slack.*Y/n")
    terminal.answer("webhook secret is set. Keep it.*Y/n")
    terminal.answer("into a field of members' profiles", "n")
    terminal.interrupt("Use mail")
    terminal.end()

    values = place.values(place.folder / ".env.draft")
    assert values["OPS_SLACK_SIGNING_SECRETS"] == SIGNING_SECRET
    assert json.loads(values["AIRFLOW_CONN_SLACK"])["extra"]["buttons"] is True


def test_endpoint_gets_exactly_the_types_that_we_route(place, start):
    """Its secret comes from Stripe's answer; where an endpoint is there already, it is said and none is made."""
    sandbox = place.world.sandbox
    terminal = start()
    answer_what_is_needed(terminal)
    terminal.interrupt("Use Luma")
    terminal.end()
    endpoint = sandbox.ask("GET", "state/stripe")["webhook_endpoint"][-1]

    assert endpoint["url"] == "https://ops.example.org/webhooks/stripe"
    assert set(endpoint["enabled_events"]) == STARTING_TYPES["stripe"]

    draft = place.folder / ".env.draft"
    text = draft.read_text()
    secret = place.values(draft)["OPS_STRIPE_WEBHOOK_SECRETS"]
    assert secret.startswith("whsec_")
    draft.write_text(text.replace(secret, ""))
    again = start()
    again.answer("Address at which people")
    again.answer("Platform's Postgres")
    again.answer("Secret or restricted key")
    again.expect("Stripe has an endpoint for https://ops.example.org/webhooks/stripe already")
    again.expect(r"Webhook secret \(whsec_")
    assert len(sandbox.ask("GET", "state/stripe")["webhook_endpoint"]) == 2


def test_stopped_in_the_middle_it_goes_on_where_it_was(place, start):
    """Ctrl-C keeps the answers and leaves `.env` as it was; nobody else can read them."""
    before = place.env.read_text()
    terminal = start()
    terminal.answer("Address at which people", "https://ops.example.org")
    terminal.answer("Platform's Postgres")
    terminal.answer("Secret or restricted key", STRIPE_KEY)
    terminal.interrupt("Make an endpoint")

    assert terminal.end() == 130
    assert "Start it again" in terminal.shown
    assert place.env.read_text() == before
    draft = place.folder / ".env.draft"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    again = start()
    again.expect(re.escape("[https://ops.example.org]"))
    again.type("\n")
    again.answer("Platform's Postgres")
    again.answer("Secret or restricted key.*Enter keeps it")
    again.expect("Account Sandbox")


def test_refused_key_is_said_at_once_and_asked_again(place, start):
    """One of another form, one that Stripe does not know, one of another vendor; and a vendor that is down."""
    sandbox = place.world.sandbox
    sandbox.fault(
        "stripe", "status", status=401, times=1, body={"error": {"type": "invalid_request_error"}}
    )
    terminal = start()
    terminal.answer("Address at which people", "https://ops.example.org")
    terminal.answer("Platform's Postgres")

    terminal.answer("Secret or restricted key", "pk_live_wrong")
    terminal.expect("has not the form of this key. Take it from Stripe's dashboard")
    terminal.answer("Secret or restricted key", STRIPE_KEY)
    terminal.expect("Stripe refuses the call: 401 .*Take it from Stripe's dashboard")
    assert sandbox.fired() == 1
    sandbox.fault("stripe", "status", status=503, times=2)
    terminal.answer("Secret or restricted key", STRIPE_KEY)
    terminal.expect("Stripe answers 503")
    terminal.answer("Try again", "y")
    terminal.answer("Secret or restricted key.*Enter keeps it")
    terminal.expect("Account Sandbox")


def test_database_that_is_no_platform_is_said(place, start):
    """A wrong address would make a production without members."""
    terminal = start()
    terminal.answer("Address at which people", "https://ops.example.org")
    terminal.answer("Platform's Postgres", "postgresql://nobody:geheim@127.0.0.1:1/x")
    terminal.answer("cannot be used from here", "y")
    terminal.answer("Platform's Postgres", place.world.dsn)
    terminal.expect("Secret or restricted key")

    assert "geheim" not in terminal.shown


def test_without_a_terminal_it_says_so(place):
    """A pipe answers no questions; a trial with the sandbox needs none."""
    run = {"env": place.environment(), "cwd": place.folder, "capture_output": True, "text": True}
    answer = subprocess.run(place.command(), stdin=subprocess.DEVNULL, check=False, **run)

    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)
    assert "start it at a terminal" in answer.stderr


def test_trial_asks_nothing(place):
    """Everything that compose wants beside the sandbox's own file is made."""
    place.env.unlink()
    run = {"env": place.environment(), "cwd": place.folder, "capture_output": True, "text": True}
    answer = subprocess.run(
        place.command("--sandbox"), stdin=subprocess.DEVNULL, check=False, **run
    )

    assert answer.returncode == 0, answer.stderr
    values = place.values()
    assert all(
        values[f"OPS_{name}_WEBHOOK_SECRETS"].startswith("whsec_") for name in ("STRIPE", "CLERK")
    )
    assert all(
        value not in answer.stdout for name, value in values.items() if "SECRET" in name and value
    )


def test_folder_without_an_example_is_named(place):
    """Whoever is in another folder is told where to go."""
    run = {"env": place.environment(), "cwd": place.folder, "capture_output": True, "text": True}
    answer = subprocess.run(place.command("elsewhere/.env"), check=False, **run)

    assert (answer.returncode, "elsewhere/.env.example is not there" in answer.stderr) == (1, True)
