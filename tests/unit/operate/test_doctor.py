"""`./ops doctor`: the forms of secrets, what a check may do to the others, and what is printed."""

import base64
import json
import threading
import time

import pytest
from pydantic import SecretStr

from include.check_results import (
    CheckContext,
    CheckStatus,
    DoctorCheck,
    failed,
    not_configured,
    ok,
    warning,
)
from include.errors import CommandError, VendorUnavailableError
from include.lab.stack import airflow_settings
from include.lab.stack.layout import ROOT
from include.operate.commands import doctor as command
from include.operate.deployment import GIVEN, Finder
from include.operate.doctor import connections, report, settings
from include.operate.doctor.checks import examine
from include.settings import JobSettings, Settings
from tests.factories import make_deployment

FERNET_KEY = base64.urlsafe_b64encode(b"f" * 32).decode()
JWT_SECRET = "j" * 32
CLERK_SECRET = "whsec_" + base64.b64encode(b"c" * 24).decode()
STRIPE_SECRET = "whsec_" + "s" * 32


def look(airflow=None, jobs=None, **relay):
    """Look at settings, well but for what is given; return status by check."""
    usual = {
        "database_url": "postgresql://x",
        "stripe_webhook_secrets": STRIPE_SECRET,
        "clerk_webhook_secrets": CLERK_SECRET,
        "airflow_password": "p" * 16,
    }
    context = CheckContext(
        jobs=JobSettings(**(jobs or {})),
        relay=Settings(**{**usual, **relay}),
        clock=None,
        has_stand_ins=True,
    )
    keys = {"fernet_key": FERNET_KEY, "jwt_secret": JWT_SECRET, **(airflow or {})}
    checks = settings.checks(context, wrong={}, airflow=keys)
    return {finding.check: finding.status for _, finding in examine(checks, seconds=5)}


def test_settings_that_are_well():
    """What is turned off is no failure."""
    assert set(look().values()) == {CheckStatus.OK, CheckStatus.NOT_CONFIGURED}


@pytest.mark.parametrize(
    ("secrets", "status"),
    [
        ("", CheckStatus.FAILED),
        ("whsec_short", CheckStatus.FAILED),
        ("sk_live_" + "x" * 32, CheckStatus.FAILED),
        (f"{STRIPE_SECRET},rubbish", CheckStatus.FAILED),
        (f"{STRIPE_SECRET},{STRIPE_SECRET}", CheckStatus.OK),
        (f"{STRIPE_SECRET} {STRIPE_SECRET} {STRIPE_SECRET}", CheckStatus.WARNING),
    ],
)
def test_webhook_secrets_of_stripe(secrets, status):
    """None, another kind of key and half a copy are seen; two are taken while one is rotated."""
    assert look(stripe_webhook_secrets=secrets)["Stripe's webhook secret"] is status


@pytest.mark.parametrize("secret", ["whsec_", "whsec_no base64!", "whsec_Zg==", CLERK_SECRET[6:]])
def test_webhook_secret_of_clerk_is_base64_of_a_key(secret):
    """Svix cannot work with another one."""
    assert (
        look(clerk_webhook_secrets=[SecretStr(secret)])["Clerk's webhook secret"]
        is CheckStatus.FAILED
    )


@pytest.mark.parametrize(
    ("given", "check", "status"),
    [
        ({"airflow": {"fernet_key": ""}}, "Airflow's Fernet key", CheckStatus.WARNING),
        ({"airflow": {"fernet_key": "abc"}}, "Airflow's Fernet key", CheckStatus.FAILED),
        ({"airflow": {"jwt_secret": "short"}}, "Airflow's JWT secret", CheckStatus.FAILED),
        ({"airflow_password": ""}, "password of the relay at Airflow", CheckStatus.FAILED),
        ({"jobs": {"alert_signal_url": "hc-ping"}}, "dead man's switch", CheckStatus.FAILED),
        ({"jobs": {"alert_signal_url": "http://x.org"}}, "dead man's switch", CheckStatus.WARNING),
        ({"jobs": {"alert_signal_url": "https://x.org"}}, "dead man's switch", CheckStatus.OK),
        ({"airflow": {"sentry_on": "True", "sentry_dsn": "k@x"}}, "Sentry", CheckStatus.FAILED),
        (
            {"watch_urls": "https://x.org/a,nowhere"},
            "addresses of the relay's own alerts",
            CheckStatus.FAILED,
        ),
    ],
)
def test_what_cannot_be_right_is_seen(given, check, status):
    """By its form alone: nothing here is called."""
    assert look(**given)[check] is status


def test_connections_of_the_local_stack_are_all_looked_at():
    """What is added to the file is added here: only the incoming webhook is nothing that jobs use."""
    file = airflow_settings.read(ROOT / "airflow_settings.yaml")

    assert {one.id for one in file.connections} == {*connections.NEEDS, "slack_webhook"}


def a_check(look, name="a check"):
    return DoctorCheck(group="group", name=name, look=look, advice="do something")


def test_check_that_breaks_ends_itself_only():
    """Errors of ours are told; the text of any other may quote a secret and is not."""

    def busy():
        yield ok("first", "well")
        raise VendorUnavailableError("it is down, says ada@example.org")

    def broken():
        raise ValueError("password=hunter2")
        yield

    found = [one for _, one in examine([a_check(broken, "one"), a_check(busy, "two")], seconds=5)]

    assert [(one.check, one.status, one.reason) for one in found] == [
        ("one", CheckStatus.FAILED, "it cannot be looked at (ValueError)"),
        ("first", CheckStatus.OK, "well"),
        ("two", CheckStatus.FAILED, "it is down, says ***"),
    ]
    assert found[2].advice == "do something"


def test_check_that_hangs_is_left_behind():
    """All checks run at once, and what was found before the hang counts."""
    end = threading.Event()

    def hangs():
        yield ok("a check", "well")
        end.wait(10)

    began = time.monotonic()
    found = [one.reason for _, one in examine([a_check(hangs)] * 5, seconds=0.2)]
    took = time.monotonic() - began
    end.set()

    assert found == ["well", "no answer within 0 s"] * 5
    assert took < 5


FOUND = (
    ("one", ok("a", "well")),
    ("one", warning("b", "so so", "see to it")),
    ("two", not_configured("c", "is off")),
)


def test_only_failures_count_against_it(capsys):
    """A line per check, what to do below it, and all counts at the end."""
    report.show(FOUND, of="a test")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ops: looked at a test; nothing was changed"
    assert [line.split() for line in lines[3:6]] == [
        ["ok", "a", "well"],
        ["warning", "b", "so", "so"],
        ["→", "see", "to", "it"],
    ]
    assert lines[-1] == "ops: 1 ok, 1 warning, 0 failed, 1 not configured"
    assert report.is_well(FOUND)
    assert not report.is_well([*FOUND, ("two", failed("d", "broken", "mend it"))])


def test_document_is_what_programs_read():
    """Each check by group, and whether all is well."""
    document = json.loads(json.dumps(report.document(FOUND, of="a test")))

    assert (document["ok"], document["counts"]["warning"]) == (True, 1)
    assert document["checks"][1] == {
        "group": "one",
        "check": "b",
        "status": "warning",
        "reason": "so so",
        "advice": "see to it",
    }


def test_profile_is_not_looked_at_from_outside():
    """The connections of its jobs are where they run."""
    GIVEN.set(Finder(local=make_deployment))

    with pytest.raises(CommandError, match="docker compose run --rm ops doctor"):
        command.command(as_json=False)
