"""`ops` as a container has it: from the environment, on a real Postgres with rows, with a stand-in for Airflow."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import psycopg
import pytest

from include.errors import ErrorClass
from include.operate.cli import COMMANDS
from include.store.dead_letters import Failure
from tests.airflow_stand_in import running_airflow
from tests.commands import command_lines
from tests.jobs.doctor_world import ROOT, connections
from tests.store.arrivals import NOW, receive

PLACE = "docker compose run --rm ops"
LINES = {
    line.words: line for line in command_lines() if line.reads_only and line.words[:1] != ("--at",)
}.values()  # each once, wherever it is typed
SHORT = 2  # `deactivations list`, of everybody


def is_about_everybody(line):
    """Tell whether a line needs no member and no run: those that do have tests of their own."""
    asks_for_a_member = line.words[0] in ("erase", "deactivations") and len(line.words) > SHORT
    return not (asks_for_a_member or "EMAIL" in line.words or line.words[0] == "reconcile")


SERIES = str(ROOT / "tests" / "alerts" / "job_queue_backup.yaml")


@dataclass
class Ops:
    """The command, with the environment of one deployment."""

    environment: dict
    home: str

    def __call__(self, *arguments, **variables):
        """Run it to its end; return what came of it."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "include.operate", *arguments],
            env={**self.environment, **variables},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def ops(database, world, tmp_path):
    """Give `ops` on a deployment that has an Airflow, and no relay."""
    with running_airflow() as airflow:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPS_")}
        environment = {
            **kept,
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "PYTHONPATH": str(ROOT),
            "OPS_DATABASE_URL": database,
            "OPS_AIRFLOW_URL": airflow.url,
            "OPS_AIRFLOW_ADMIN_PASSWORD": airflow.password,
            "OPS_COMMAND": PLACE,
            **{f"AIRFLOW_CONN_{name.upper()}": text for name, text in connections(world).items()},
        }
        yield Ops(environment, str(tmp_path))


@pytest.fixture
def letter(store):
    """Give a dead letter of one event, as it waits for a person."""
    [row] = receive(store, "evt_1")
    store.connection.execute("UPDATE ops.inbox SET state = 'dead' WHERE id = %s", [row])
    failure = Failure(
        job="mailchimp_sync",
        subject=f"row:{row}",
        error_class=ErrorClass.TRANSIENT,
        reason="Mailchimp is out of service",
        inbox_ids=(row,),
        dag_run_id="run_1",
    )
    return store.dead_letters.open_case(failure, now=NOW).id


# --- what does not exist ---

UNKNOWN = {
    "timeline": [("timeline", "nobody@example.org"), ("timeline", "99999")],
    "dead-letters": [
        ("dead-letters", "show", "99999"),
        *(
            ("dead-letters", act, "99999", "--reason", "x", "--actor", "Ada", "--yes")
            for act in ("replay", "compensate", "abandon", "undo", "close-fixed", "hold")
        ),
        ("dead-letters", "replay", "99999", "--dry-run"),
        ("dead-letters", "list", "99999"),
        ("dead-letters", "list", "--job", "no_such_job"),
        ("dead-letters", "list", "--member", "nobody@example.org"),
        ("dead-letters", "list", "--run", "no-such-run"),
    ],
    "deactivations": [
        ("deactivations", "list", "nobody@example.org"),
        ("deactivations", "revoke", "99", "--reason", "x", "--actor", "Ada"),
        ("deactivations", "run-now", "99", "--reason", "x", "--actor", "Ada", "--yes"),
        (
            *("deactivations", "move", "99", "2099-12-31T12:00:00Z"),
            *("--reason", "x", "--actor", "Ada"),
        ),
    ],
    "findings": [("findings", "close", "99", "--reason", "x", "--actor", "Ada")],
    "erase": [
        ("erase", "nobody@example.org", "--reason", "x", "--actor", "Ada"),
        ("erase", "nobody@example.org", "--reason", "x", "--actor", "Ada", "--dry-run"),
    ],
    "reconcile": [("reconcile", "--show")],  # there is no report yet
    "policy": [
        ("policy", "explain", "nobody@example.org"),
        ("policy", "diff", "no-such-file.yaml"),
        ("policy", "check", "--file", "no-such-file.yaml"),
    ],
    "vendors": [
        ("vendors", "pause", "paypal", "--hours", "1", "--reason", "x", "--actor", "Ada"),
        ("vendors", "pause", "mailchimp", "--hours", "9", "--reason", "x", "--actor", "Ada"),
        ("vendors", "resume", "paypal", "--reason", "x", "--actor", "Ada"),
    ],
    "probe": [
        ("probe", "paypal"),
        ("probe", "webhooks"),
        ("probe", "webhooks", "hooks.example.org"),
        ("probe", "mailchimp", "https://hooks.example.org"),
    ],
    "send": [("send", "stripe", "no-such-file.json"), ("send", "paypal", "x.json")],
    "alerts": [
        ("alerts", "silence", "no_rule", "--hours", "1", "--reason", "x", "--actor", "Ada"),
        ("alerts", "acknowledge", "webhooks_silent", "--reason", "x", "--actor", "Ada"),
        *(
            ("alerts", *words, "--reason", "x", "--actor", "Ada")
            for words in (
                ("inhibit", "webhooks_silent", "--vendor", "stripe"),
                ("tell", "webhooks_silent"),
            )
        ),
        ("alerts", "check", "--rules", "no-such-file.yaml"),
        ("alerts", "test", "no-such-file.yaml"),
        ("alerts", "backtest", "--since", "yesterday"),
    ],
    "ticks": [("ticks", "--hours", "never")],
    "status": [("status", "everything")],
    "doctor": [("doctor", "everything")],
}
NAMES_NOTHING = {"init", "rotate"}  # they are about this machine's own file


def test_every_command_is_asked_for_what_does_not_exist():
    """A command that comes later is not forgotten."""
    assert set(COMMANDS) <= set(UNKNOWN) | NAMES_NOTHING


@pytest.mark.parametrize(
    "arguments", [one for each in UNKNOWN.values() for one in each], ids=" ".join
)
def test_what_does_not_exist_is_said(ops, arguments):
    """With 1 or 2, and a line that says so: a script does not take nothing for done."""
    done = ops(*arguments)

    assert done.returncode in (1, 2), done.stdout
    assert (done.stdout + done.stderr).strip()
    assert "Traceback" not in done.stderr


def test_database_that_does_not_answer_is_one_line(ops):
    """Without its address or password."""
    done = ops("ticks", OPS_DATABASE_URL="postgresql://ops:geheim@127.0.0.1:9/ops")

    assert (done.returncode, done.stderr) == (
        1,
        "ops: the database does not answer: nothing listens there\n",
    )


# --- what the documents tell people to type ---


@pytest.mark.parametrize(
    "line", [*filter(is_about_everybody, LINES)], ids=lambda line: " ".join(line.words)
)
def test_line_of_a_document_does_what_it_says(ops, letter, store, line):
    """Each one that only reads or counts is run as it stands, on a deployment with rows."""
    [event] = store.inbox.rows(store.dead_letters.inbox_ids(letter))
    by_id = {"timeline": event.event_id, "dead-letters": str(letter)}
    fingerprint = store.dead_letters.get(letter).fingerprint
    done = ops(*line.filled(ID=by_id.get(line.words[0], "1"), FINGERPRINT=fingerprint, FILE=SERIES))

    may_find_something = line.words[0] in ("status", "doctor")
    assert done.returncode in ((0, 1) if may_find_something else (0,)), done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_runbook_alone_mends_a_dead_letter(ops, letter, store):
    """The lines of docs/runbooks/README.md, one after the other, by a person who knows nothing else."""
    lines = [
        line
        for line in command_lines()
        if line.place == "docs/runbooks/README.md" and line.words[0] == "dead-letters"
    ]
    assert [line.words[1] for line in lines] == ["list", "show", "replay"]

    for line in lines:
        done = ops(*line.filled(ID=str(letter)))
        assert done.returncode == 0, done.stderr

    assert "replay: 1 of 1 dead letters" in done.stdout
    assert (
        json.loads(ops("dead-letters", "show", str(letter), "--json").stdout)["state"]
        == "replaying"
    )
    acts = store.connection.execute(
        "SELECT actor, metadata FROM ops.audit_log ORDER BY id DESC LIMIT 1"
    )
    [act] = acts.fetchall()
    assert act["actor"] == "user:Ada"


# --- who acts, and the summary ---


def test_nobody_acts_without_a_name(ops, letter, store):
    """A container's user is not a person; nothing is changed."""
    done = ops("dead-letters", "abandon", str(letter), "--reason", "x", "--yes")

    assert (done.returncode, done.stderr) == (
        1,
        "ops: who decides? Say --actor NAME, or set OPS_ACTOR\n",
    )
    assert store.dead_letters.get(letter).state == "open"


def test_status_has_one_summary_and_no_secret(ops, letter):
    """All is well with 0; what waits for a person is shown with the command of the place."""
    well = ops("status", "--json")

    document = json.loads(well.stdout)
    assert (well.returncode, document["state"], document["issues"]) == (0, "healthy", [])
    assert document["decisions"] == [f"1 dead letter: `{PLACE} dead-letters list`"]
    assert ops.environment["OPS_DATABASE_URL"] not in well.stdout
    assert ops.environment["OPS_AIRFLOW_ADMIN_PASSWORD"] not in well.stdout
    assert "console" not in document


def test_vendor_that_is_left_alone_is_not_well(ops, database):
    """One sentence, 1, and the command that tries it at once."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO ops.breakers (vendor, state, openings, opened_at, probe_at, reason, changed_at)"
            " VALUES ('mailchimp', 'open', 1, now(), now() + interval '5 min', 'it answers 503', now())"
        )

    told, tried = ops("status"), ops("probe", "mailchimp")

    assert told.returncode == 1
    assert told.stdout.startswith("Not well.\n- mailchimp is not called since ")
    assert "(it answers 503): nobody waits yet, it is tried again at" in " ".join(
        told.stdout.split()
    )
    assert f"`{PLACE} probe mailchimp` tries it at once" in " ".join(told.stdout.split())
    assert (tried.returncode, tried.stderr) == (
        1,
        "ops: nobody waits for mailchimp: the next event that needs it tries it\n",
    )


# --- a person's say ---

BY_ADA = ("--reason", "they move", "--actor", "Ada")
AUDIT = "SELECT action, actor, metadata ->> 'why' AS why FROM ops.audit_log WHERE target = %s ORDER BY id"


def listed(ops, what, name):
    """Return one entry of a list, as JSON has it."""
    done = ops(what, "list", "--json")
    [found] = [one for one in json.loads(done.stdout) if one["name"] == name]
    return found


def test_vendor_is_paused_and_called_again(ops, store):
    """What holds is in the list, with her name and reason; what is done is in the audit log."""
    paused = ops("vendors", "pause", "mailchimp", "--hours", "4", *BY_ADA)
    between = listed(ops, "vendors", "mailchimp")
    resumed = ops("vendors", "resume", "mailchimp", *BY_ADA)

    assert (paused.returncode, resumed.returncode) == (0, 0), paused.stderr + resumed.stderr
    assert paused.stdout.startswith("ops: Paused until ")
    assert (between["is_up"], between["paused_by"], between["why"]) == (False, "Ada", "they move")
    assert listed(ops, "vendors", "mailchimp")["is_up"]
    kept = store.connection.execute(AUDIT, ["breaker:mailchimp"]).fetchall()
    assert [(one["actor"], one["why"]) for one in kept] == [("user:Ada", "they move")] * 2


def test_alert_is_silenced_and_told_again(ops, store):
    """As in the console."""
    silenced = ops("alerts", "silence", "webhooks_silent", "--hours", "24", *BY_ADA)
    between = listed(ops, "alerts", "webhooks_silent")
    told = ops("alerts", "tell", "webhooks_silent", *BY_ADA)

    assert (silenced.returncode, told.returncode) == (0, 0), silenced.stderr + told.stderr
    assert silenced.stdout.startswith("ops: Silenced until ")
    assert between["pause"]["actor"] == "user:Ada"
    assert "silenced by Ada" not in ops("alerts", "list").stdout
    assert listed(ops, "alerts", "webhooks_silent")["pause"] is None
    kept = store.connection.execute(AUDIT, ["alert:webhooks_silent"]).fetchall()
    assert [one["action"] for one in kept] == ["alert:silence", "alert:end"]
