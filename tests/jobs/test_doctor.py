"""`./ops doctor` says what can be used and what cannot, and changes nothing."""

import time

import pytest

from include.check_results import CheckStatus
from include.clock import FixedClock
from include.lab.sandbox.slack.described import READS
from include.operate.doctor import airflow, connections, report, vendors
from include.operate.doctor.run import look
from tests.contract.conftest import CLERK_SECRET, STRIPE_SECRET
from tests.jobs.doctor_world import JWT_SECRET, PASSWORD, dict_of, doctor_world, failures

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def doctor(world, monkeypatch):
    """Everything is well, and nothing that a test sets is left behind."""
    with doctor_world(world, monkeypatch) as prepared:
        yield prepared


def test_well_stack_has_no_failure_and_is_not_changed(doctor, sandbox):
    """Only reading calls leave, Postgres' tables are the same afterwards, and no secret or address is told."""
    doctor.make_airflow_tables()
    doctor.world.join()
    sandbox.ask("DELETE", "calls")
    before = doctor.content()

    found = doctor.all()

    assert failures(found) == {}
    assert doctor.content() == before
    assert_only_reads(sandbox.calls(), doctor.airflow)
    told = repr(found)
    secrets = [STRIPE_SECRET, CLERK_SECRET, PASSWORD, JWT_SECRET, "xoxb-", "key-us1", "sk_test_"]
    assert [one for one in [*secrets, "@"] if one in told] == []


def assert_only_reads(log, stand_in):
    """Slack's package posts what reads; of all others only GET is one. A log-in at Airflow gives a token."""
    asked = {(call["vendor"], call["method"], call["path"]) for call in log["calls"]}
    assert {vendor for vendor, _, _ in asked} >= {"stripe", "clerk", "mailchimp", "luma", "slack"}
    assert {path for vendor, _, path in asked if vendor == "slack"} <= READS
    assert {method for vendor, method, _ in asked if vendor != "slack"} == {"GET"}
    asked_of_airflow = {call for call in stand_in.calls if call[0] != "GET"}
    assert asked_of_airflow == {("POST", "/auth/token")}


@pytest.mark.parametrize(
    ("vendor", "path", "check"),
    [
        ("stripe", "*", "Stripe: customers"),
        ("clerk", "*", "Clerk"),
        ("mailchimp", "*", "Mailchimp"),
        ("luma", "*", "Luma"),
        ("twilio", "*", "Twilio"),
    ],
)
def test_wrong_key_is_a_failure(doctor, sandbox, vendor, path, check):
    """401 is said of the vendor whose key it is, with what to do; the others are not concerned."""
    error = {"type": "invalid_request_error", "message": "no"}  # as Stripe says it
    body = {"title": "no", "status": 401, "error": error}
    sandbox.fault(vendor, "status", status=401, path=path, body=body)

    found = doctor.group(vendors)

    assert sandbox.fired() > 0
    assert found[check].status is CheckStatus.FAILED
    assert found[check].advice
    assert {name.partition(":")[0] for name in failures(found)} == {check.partition(":")[0]}


@pytest.mark.parametrize("vendor", ["luma", "slack"])
def test_vendor_that_is_not_used_is_no_failure(doctor, vendor):
    """It can be done without; what cannot be is a failure where it is missing."""
    doctor.set(**{f"AIRFLOW_CONN_{vendor.upper()}": "", "AIRFLOW_CONN_STRIPE": ""})

    found = doctor.group(connections) | doctor.group(vendors)

    assert {vendor, "stripe"} & failures(found).keys() == {"stripe"}
    assert found[vendor.title()].status is CheckStatus.NOT_CONFIGURED


def test_before_the_start_databases_and_airflow_are_not_missed(doctor):
    """`ops init` ends with what can be looked at by then."""
    doctor.set(
        AIRFLOW_CONN_OPS_POSTGRES="postgresql://127.0.0.1:1/x", OPS_AIRFLOW_URL="http://127.0.0.1:1"
    )

    found = look(clock=doctor.clock, has_stand_ins=True, before_start=True)

    assert {group for group, _ in found} == {
        "settings and secrets",
        "Airflow's connections",
        "vendors",
    }
    assert not failures(dict_of(found))


def test_slack_that_does_not_know_the_token_is_a_failure(doctor, sandbox):
    """Slack refuses with 200 and a code."""
    body = {"ok": False, "error": "invalid_auth"}
    sandbox.fault("slack", "status", status=200, path="/auth.test", body=body)

    found = doctor.group(vendors)

    assert "invalid_auth" in failures(found)["Slack"]


def test_missing_scopes_are_named(doctor, sandbox):
    """What the token may do is in a header of Slack's answer; each scope that jobs need and it lacks is told."""
    body = {"ok": True, "url": "x", "team": "x", "user": "x", "team_id": "T1", "user_id": "U1"}
    scopes = {"x-oauth-scopes": "chat:write,users:read,channels:read,groups:write"}
    sandbox.fault("slack", "status", status=200, path="/auth.test", body=body, headers=scopes)

    found = failures(doctor.group(vendors))

    assert found["Slack: scopes"] == (
        "the token lacks users:read.email, usergroups:read, usergroups:write"
    )
    assert found["Slack: profile field"] == "the token lacks users.profile:write"


@pytest.mark.parametrize(
    ("secret", "operators", "status"),
    [
        ("", "", CheckStatus.FAILED),
        ("0123456789abcdef", "", CheckStatus.WARNING),
        ("0123456789abcdef", "U0ADA", CheckStatus.OK),
    ],
)
def test_buttons_that_nobody_answers_are_found(doctor, secret, operators, status):
    """Slack warns everybody who presses one; nobody at all may acknowledge where no operator is named."""
    assert doctor.group(vendors)["Slack: buttons"].status is CheckStatus.NOT_CONFIGURED
    doctor.connect("slack", extra={**doctor.documents["slack"]["extra"], "buttons": True})
    doctor.set(OPS_SLACK_SIGNING_SECRETS=secret, OPS_SLACK_OPERATORS=operators)

    found = doctor.group(vendors)["Slack: buttons"]

    assert found.status is status
    assert bool(found.advice) is (status is not CheckStatus.OK)


def test_audience_channel_and_group_must_be_there(doctor):
    """Ids that the vendors do not know are found before a member is."""
    mailchimp = {**doctor.documents["mailchimp"]["extra"], "list_id": "other"}
    slack = {
        **doctor.documents["slack"]["extra"],
        "user_group": "S0OTHER",
        "staff_channel": "C0OTHER",
    }
    doctor.connect("mailchimp", extra=mailchimp)
    doctor.connect("slack", extra=slack)

    found = failures(doctor.group(vendors))

    assert set(found) == {"Mailchimp: audience", "Slack: user group", "Slack: staff channel"}


def test_audience_must_fit_what_contacts_are_given(doctor, sandbox):
    """A merge field that is missing loses what we write; one that others require is said, and keeps nobody out."""
    field = {"tag": "FNAME", "type": "text", "required": False}
    fields = [
        field,
        {**field, "tag": "LNAME"},
        {**field, "tag": "TIER"},
        {**field, "tag": "ZIP", "required": True},
    ]
    cases = (
        (fields[:2], CheckStatus.FAILED, "the audience lacks TIER"),
        (fields, CheckStatus.WARNING, "the audience requires ZIP"),
    )
    for given, status, reason in cases:
        sandbox.fault(
            "mailchimp",
            "status",
            status=200,
            path="*/merge-fields",
            times=1,
            body={"merge_fields": given},
        )

        found = doctor.group(vendors)["Mailchimp: merge fields"]
        assert (found.status, found.reason) == (status, reason)


def test_classic_automation_is_looked_for(doctor, sandbox):
    """Of it Mailchimp can be asked without starting it."""
    doctor.set(OPS_WELCOME="automation")
    extra = {"list_id": "a1b2c3d4e5", "workflow_id": sandbox.settings.workflow_id}
    doctor.connect(
        "mailchimp", extra={**extra, "workflow_email_id": sandbox.settings.workflow_email_id}
    )
    assert doctor.group(vendors)["Mailchimp: welcome"].reason == "the automation is there"

    doctor.connect("mailchimp", extra={**extra, "workflow_email_id": "other"})
    assert "Mailchimp: welcome" in failures(doctor.group(vendors))


def test_stripe_must_send_what_starts_jobs(doctor, sandbox):
    """The classic slip: an endpoint that lacks a type, or leads elsewhere, or is turned off."""
    page = {"object": "list", "url": "/v1/webhook_endpoints", "has_more": False}
    endpoint = {
        "id": "we_1",
        "object": "webhook_endpoint",
        "status": "enabled",
        "url": "https://x.org/webhooks/stripe",
    }
    for change, reason in (
        ({"enabled_events": ["invoice.paid"]}, "does not send charge.dispute.closed, charge"),
        ({"enabled_events": ["*"], "url": "https://x.org/other"}, "no endpoint"),
        ({"enabled_events": ["*"], "status": "disabled"}, "disabled"),
    ):
        body = {**page, "data": [{**endpoint, **change}]}
        sandbox.fault(
            "stripe", "status", status=200, path="/v1/webhook_endpoints", times=1, body=body
        )

        assert reason in failures(doctor.group(vendors))["Stripe: webhooks"]


def test_vendor_that_hangs_holds_nobody_up(doctor, sandbox):
    """What does not answer in time is said, and all others are looked at."""
    sandbox.fault("clerk", "stall", seconds=3)
    sandbox.fault("luma", "reset")
    began = time.monotonic()

    found = doctor.group(vendors, seconds=2)

    assert time.monotonic() - began < 2.9
    assert failures(found) == {
        "Clerk": "no answer within 2 s",
        "Luma": "Luma does not answer",
    }
    assert sandbox.fired() == 2


@pytest.mark.parametrize(
    ("seconds", "status"), [(60, CheckStatus.WARNING), (400, CheckStatus.FAILED)]
)
def test_clock_is_compared_with_those_who_sign(doctor, seconds, status):
    """Past the tolerance every webhook is refused; well before it is worth a word."""
    doctor.clock = FixedClock(doctor.world.clock.now())
    doctor.clock.advance(-doctor.clock.now().resolution * seconds * 1_000_000)

    found = doctor.group(vendors)

    assert {found[f"{vendor}: clock"].status for vendor in ("Stripe", "Clerk")} == {status}


def test_dag_that_is_paused_broken_or_unknown_is_a_failure(doctor):
    """What it should do would wait, and nobody would know why."""
    doctor.make_airflow_tables()
    doctor.airflow.dags["mailchimp_sync"]["is_paused"] = True
    doctor.airflow.dags["webhook_retry"]["has_import_errors"] = True
    del doctor.airflow.dags["alert_rules"]
    doctor.airflow.parts["triggerer"] = "unhealthy"

    found = failures(doctor.group(airflow))

    assert set(found) == {
        "DAG mailchimp_sync",
        "DAG webhook_retry",
        "DAG alert_rules",
        "triggerer",
    }


def test_rights_at_airflow_are_those_of_the_code(doctor):
    """Too few keep runs from starting; too many are what a stolen password would be worth."""
    doctor.make_airflow_tables()
    doctor.grant("reconciler", "can_read", "Connections")
    doctor.revoke("relay", "DAG Runs")
    doctor.world.store.connection.execute("UPDATE slot_pool SET slots = 0")

    found = doctor.group(airflow)

    assert failures(found) == {
        "rights of the relay": "may not create DAG Runs, read DAG Runs",
        "pool default_pool": "has no slots: no task ever runs",
    }
    assert found["rights of reconciliation"].reason == "may do more than it needs: read Connections"


def test_password_that_airflow_refuses_is_a_failure(doctor):
    """Of the relay and of reconciliation alike."""
    doctor.make_airflow_tables()
    doctor.airflow.password = "another"

    assert set(failures(doctor.group(airflow))) == {"user of the relay", "user of reconciliation"}


def test_missing_connection_is_a_failure_and_its_vendor_not_configured(doctor):
    """It is said once, where it is to be set; a channel of alerts without one is a warning."""
    doctor.set(AIRFLOW_CONN_STRIPE=None, AIRFLOW_CONN_TWILIO=None)

    found = doctor.group(connections) | doctor.group(vendors)

    assert set(failures(found)) == {"stripe"}
    assert found["Stripe"].status is CheckStatus.NOT_CONFIGURED
    assert found["Twilio"].status is CheckStatus.NOT_CONFIGURED
    assert found["twilio"].status is not CheckStatus.OK


def test_connections_that_cannot_be_right_are_failures(doctor):
    """The form of a key, the data centre in it, and an address in the clear are seen without a call."""
    doctor.connect("stripe", password="pk_live_1")
    doctor.connect("mailchimp", host="https://us7.api.mailchimp.com/3.0")
    doctor.connect("luma", host="http://public-api.luma.com")
    doctor.connect("slack", extra={"base_url": doctor.documents["slack"]["extra"]["base_url"]})

    found = failures(doctor.group(connections))

    assert set(found) == {"stripe", "mailchimp", "luma", "slack"}
    assert "data centre us1" in found["mailchimp"]
    assert "ops_channel, staff_channel" in found["slack"]


def test_live_and_test_are_not_mixed(doctor):
    """Clerk's events do not say which they are, so that the setting must."""
    doctor.set(OPS_CLERK_MODE="live")
    assert set(failures(doctor.group(connections))) == {"live or test"}

    doctor.connect("clerk", password="sk_live_x")
    mixed = doctor.group(connections)["live or test"]
    assert (mixed.status, mixed.reason) == (
        CheckStatus.WARNING,
        "Stripe's key is test, Clerk's live",
    )


def test_production_is_told_of_stand_ins(doctor):
    """Before going live: a vendor's connection that leads to a sandbox."""
    found = doctor.group(connections, has_stand_ins=False)

    warned = {name for name, one in found.items() if one.status is CheckStatus.WARNING}
    assert warned >= {"stripe", "clerk", "mailchimp", "luma", "slack", "pagerduty", "twilio"}


def test_settings_that_cannot_be_read_are_named_without_their_values(doctor):
    """What else can be looked at is."""
    doctor.set(OPS_DATABASE_URL=None, OPS_WELCOME="a secret of ours")

    found = doctor.all()

    assert "OPS_WELCOME" in found["settings of the jobs"].reason
    assert "OPS_DATABASE_URL" in found["settings of the relay"].reason
    assert found["Clerk: users"].status is CheckStatus.OK
    assert "a secret of ours" not in repr(found)
    assert report.document([("", one) for one in found.values()], of="a test")["ok"] is False
