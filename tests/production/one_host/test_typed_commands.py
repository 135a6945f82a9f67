"""Every command line of README, docs and runbooks that is about a deployment, run as it stands on one host."""

import json
import os
import subprocess
import sys
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from include.alerts.states import AlertState, Phase
from include.errors import ErrorClass
from include.lab.demo.checks import expect_members
from include.lab.demo.play import stage_on
from include.lab.stack.layout import ROOT
from include.operate import cli
from include.store import Store
from include.store.dead_letters import Failure
from include.store.findings import Finding, FindingKind
from include.vendors.mailchimp.client import subscriber_hash
from tests.commands import SAMPLES, command_lines

pytestmark = pytest.mark.timeout(900)
SECONDS = 180
ABOUT_A_FOLDER = {"init", "rotate"}
"""They change the folder's `.env`: tests/jobs/test_init.py and tests/store/relay/test_rotate.py run these lines."""
WHO = ("--actor", "Ada")
SERIES = str(ROOT / "tests" / "alerts" / "job_queue_backup.yaml")
POLICY = "/opt/airflow/include/membership.yaml"
ASKS = {
    ("dead-letters", act) for act in ("replay", "compensate", "abandon", "undo", "close-fixed")
} | {("deactivations", "run-now")}
"""What asks a person at a terminal whether she is sure. Here she says `--yes`."""
ANSWERS_NO = {("dead-letters", "close-fixed"): "a later event has fixed none of them"}
"""What rightly does nothing: the letter that it is asked about is not fixed."""
NOTHING = {
    "stripe": {
        "id": "evt_of_a_line", "object": "event", "type": "payment_method.attached", "created": 1767225600,
        "livemode": False, "data": {"object": {"id": "pm_1", "object": "payment_method"}},
    },
    "clerk": {
        "type": "session.created", "object": "event", "timestamp": 1767225600000,
        "data": {"id": "sess_1", "object": "session"},
    },
}  # fmt: skip
"""Events of which nothing comes."""


def words_of(line):
    """Return a line's words without the profile that it names."""
    return line.words[2:] if line.words[0] == "--at" else line.words


def is_at_home(line):
    """Tell whether a line is typed in a checkout: it names a profile, or files that the image does not have."""
    words = words_of(line)
    is_of_the_checkout = words[:2] == ("alerts", "test") or ("FILE" in words and words[0] == "send")
    return line.words[0] == "--at" or is_of_the_checkout


COMMANDS = {*cli.COMMANDS} - ABOUT_A_FOLDER
LINES = {
    (line.words, is_at_home(line)): line
    for line in command_lines()
    if words_of(line)[0] in COMMANDS
}


@dataclass
class World:
    """One host with members, and what people at their own machine need to reach it."""

    form: object
    stage: object
    store: Store
    home: str
    rows: list = field(default_factory=list)

    def joined(self):
        """Return somebody new who is a member."""
        member = self.stage.newcomer()
        events = self.stage.join(member, "clerk_first").events
        self.stage.deliver("joins", events)
        self.rows += [row.id for row in self.stage.rows([one.id for one in events])]
        return member, events

    def letter(self):
        """Return the number of a dead letter of one event."""
        if not self.rows:
            self.joined()
        row = self.rows.pop()
        connection = self.store.connection
        connection.execute("UPDATE ops.inbox SET state = 'dead' WHERE id = %s", [row])
        failure = Failure(
            job="mailchimp_sync", subject=f"row:{row}", error_class=ErrorClass.TRANSIENT,
            reason="Mailchimp is out of service", inbox_ids=(row,), dag_run_id="run_1",
        )  # fmt: skip
        return self.store.dead_letters.open_case(failure, now=self.stage.clock.now()).id

    def end(self):
        """Return a member, and the number of her planned end, which is far away."""
        member, _ = self.joined()
        [person] = self.stage.people([member])
        act = self.stage.sandbox.act("cancel_at_period_end", email=member.email, in_seconds=10**6)
        self.stage.deliver("cancels", act.events)
        return member, self.stage.planned_end(person.member_id).id

    def finding(self):
        """Return the number of an open finding."""
        found = Finding(
            kind=FindingKind.UNKNOWN_PRICE, subject=f"price:{os.urandom(4).hex()}", words="a price of no plan",
        )  # fmt: skip
        return self.store.findings.keep(found, now=self.stage.clock.now()).id

    def inside(self, *words):
        """Run a command as `docker compose run --rm ops` does."""
        return self.form.deployment.run("ops", *words, seconds=SECONDS)

    def did(self, *words):
        """Run a command that must go right."""
        done = self.inside(*words)
        assert done.returncode == 0, done.stdout + done.stderr

    def at_home(self, *words):
        """Run a command in a checkout, with the profile `production`."""
        kept = {"PATH": os.environ["PATH"], "HOME": self.home, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-P", "-m", "include.lab", "--at", "production", *words],
            env=kept, cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(form, tmp_path_factory):
    """Give one host of production, with a profile for it in somebody's home."""
    home = tmp_path_factory.mktemp("home")
    with (
        stage_on(form.stack) as stage,
        closing(Store.connect(form.stack.database_url)) as store,
    ):
        config = home / ".config" / "wdai-ops" / "config.toml"
        config.parent.mkdir(parents=True)
        config.touch(0o600)
        stack = form.stack
        profile = {
            "database_url": stack.database_url,
            "airflow_url": stack.airflow_url,
            "airflow_admin_password": stack.admin_password,
            "airflow_database_url": stack.airflow_database_url,
            "relay_urls": [stack.relay_url],
            "stripe_webhook_secrets": [stack.stripe_webhook_secret],
            "clerk_webhook_secrets": [stack.clerk_webhook_secret],
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in profile.items()]
        config.write_text("\n".join(["[production]", *lines, ""]))
        yield World(form, stage, store, str(home))


def of_letters(world, words):
    """Have a dead letter; an abandoned one for who takes that back."""
    number = world.letter()
    if words[1] == "undo":
        world.did("dead-letters", "abandon", str(number), "--reason", "x", *WHO, "--yes")
    return {"ID": str(number), "FINGERPRINT": world.store.dead_letters.get(number).fingerprint}


def of_ends(world, words):
    """Have a planned end; a revoked one for who takes that back."""
    member, number = world.end()
    if words[1] == "undo":
        world.did("deactivations", "revoke", str(number), "--reason", "x", *WHO)
    return {"EMAIL": member.email, "ID": member.email if words[1] == "list" else str(number)}


def of_members(world, _words):
    """Have a member."""
    member, events = world.joined()
    return {"EMAIL": member.email, "ID": events[0].id, "evt_1": events[0].id}


def of_policies(world, _words):
    """Have a member, by the platform's number of her."""
    member, _ = world.joined()
    [person] = world.stage.people([member])
    return {"EMAIL": member.email, "ID": str(person.member_id), "FILE": POLICY}


def of_those_who_left(world, _words):
    """Have somebody who has deleted her account, and whose membership is over: before that, nobody is erased."""
    member, _ = world.joined()
    [person] = world.stage.people([member])
    act = world.stage.sandbox.act("delete_user", email=member.email)
    world.stage.deliver("deletes her account", act.events)
    world.stage.wait(
        "her end", lambda: world.stage.planned_end(person.member_id).finished_at is not None, 180
    )
    return {"EMAIL": member.email}


def of_reports(world, words):
    """Have a report, for who only shows it."""
    if "--show" in words:
        world.did("reconcile")
    return {}


def of_events(world, words):
    """Have an event in a file."""
    path = Path(world.home) / f"{words[1]}.json"
    path.write_text(json.dumps(NOTHING[words[1]]))
    return {"FILE": str(path)}


@contextmanager
def quietened(world, words):
    """Have an alert fire, or be quietened, or its vendor be down, for what a person says of it.

    The rules' next evaluation, which ends the alert, waits until she has said it.
    """
    rule, vendor = SAMPLES["RULE"], SAMPLES["VENDOR"]
    if words[1] == "tell":
        world.did("alerts", "silence", rule, "--hours", "1", "--reason", "x", *WHO)
    if words[1] == "inhibit":
        world.did("vendors", "pause", vendor, "--hours", "1", "--reason", "x", *WHO)
    with closing(Store.connect(world.form.stack.database_url)) as watch, watch.transaction():
        watch.alerts.lock()
        now = world.stage.clock.now()
        state = AlertState(rule=rule, phase=Phase.FIRING, since=now, fired_at=now, told_at=now)
        world.store.alerts.save([state], now=now)
        yield
    if words[1] == "inhibit":
        world.did("vendors", "resume", vendor, "--reason", "x", *WHO)


PREPARED = {
    "dead-letters": of_letters,
    "deactivations": of_ends,
    "findings": lambda world, _: {"ID": str(world.finding())},
    "timeline": of_members,
    "policy": of_policies,
    "erase": of_those_who_left,
    "reconcile": of_reports,
    "send": of_events,
    "alerts": lambda _world, _words: {"FILE": SERIES},
    "probe": lambda _world, _words: {"URL": "http://caddy"},
}
"""What has to be there before a command, and what stands for the words in capitals."""


@pytest.mark.parametrize("line", LINES.values(), ids=lambda line: " ".join(line.words))
def test_line_of_a_document_does_what_it_says(world, line):
    """On a production with members, letters, planned ends and findings."""
    words, name = words_of(line), tuple(words_of(line)[:2])
    samples = PREPARED.get(words[0], lambda *_: {})(world, words)
    filled = [{**SAMPLES, **samples}.get(word, word) for word in words]
    if "--reason" in filled and "--actor" not in filled:
        filled += WHO
    if name in ASKS and not {"--yes", "--dry-run"} & {*filled}:
        filled.append("--yes")

    is_said_of_an_alert = words[0] == "alerts" and "--reason" in words
    with quietened(world, words) if is_said_of_an_alert else nullcontext():
        done = (world.at_home if is_at_home(line) else world.inside)(*filled)

    said = done.stdout + done.stderr
    assert done.returncode == (1 if name in ANSWERS_NO else 0), said
    assert ANSWERS_NO.get(name, "") in said
    assert done.stdout.strip()
    assert "Traceback" not in said


def test_runbook_alone_mends_a_dead_letter(world):
    """Mailchimp fails a member: the lines of docs/runbooks/README.md, until the letter is closed and she is there."""
    stage = world.stage
    member = stage.newcomer()
    events = stage.join(member, "clerk_first").of_type("customer.subscription.created")
    with stage.sandbox.fault(
        "mailchimp", mentions=[member.email, subscriber_hash(member.email)], status=503
    ) as fired:
        stage.sandbox.send(events, copies=1, at_once=1)
        ids = [one.id for one in events]
        stage.wait(
            "the dead letter", lambda: {row.state for row in stage.rows(ids)} == {"dead"}, 240
        )
        assert fired() > 0
    lines = [
        line for line in command_lines()
        if line.place == "docs/runbooks/README.md" and line.words[0] == "dead-letters"
    ]  # fmt: skip
    assert [line.words[1] for line in lines] == ["list", "show", "replay"]  # `show` is there twice
    [row] = stage.rows(ids)
    [letter] = world.store.dead_letters.of_rows([row.id])
    look, show, replay = (line.filled(ID=str(letter.id)) for line in lines)

    listed, shown = world.inside(*look), world.inside(*show)
    assert (listed.returncode, shown.returncode) == (0, 0)
    assert str(letter.id) in listed.stdout
    done = world.inside(*replay)
    assert done.returncode == 0, done.stderr
    stage.wait("her event", lambda: {row.state for row in stage.rows(ids)} == {"processed"}, 120)
    after = world.inside(*show)

    assert "replayed" in after.stdout, after.stdout
    expect_members(stage, [member])
    assert stage.problems == []
