"""What the production files set: only what the code, Airflow and the lock know, and alike in every form."""

import json
import re
from itertools import pairwise

import pytest
import yaml

from include.lab.sandbox.settings import SandboxSettings
from include.lab.stack import airflow_config
from include.operate.deployment import Deployment
from include.operate.prepare import ProductionSettings
from include.settings import Settings
from tests.unit.deployment_files import (
    CELERY,
    COMPOSE,
    ENVIRONMENTS,
    EXAMPLE,
    HELM,
    OVER,
    ROOT,
    SANDBOX,
    SEVERAL_HOSTS,
    assigned,
)

OF_THE_IMAGE_ALONE = re.compile(r"AIRFLOW__CELERY(_BROKER_TRANSPORT_OPTIONS)?__\w+")
"""Options that the provider describes, which is in the image and not in the environment of these tests."""
UNDESCRIBED = {"AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES"}
"""Read by the scheduler, and in no list of options."""
SECRET = re.compile(r"SECRET|PASSWORD|_KEY|_CONN(?!ECT_)|_URL$")
NO_SECRET = {
    "OPS_PUBLIC_URL",
    "OPS_RUNBOOK_URL",
    "OPS_SANDBOX_URL",
}  # addresses that everybody may know
NOT_ALWAYS_USED = {  # may be empty, which says so, but not forgotten
    *(
        f"AIRFLOW_CONN_{name}"
        for name in ("LUMA", "SLACK", "SLACK_ADMIN", "SMTP", "PAGERDUTY", "TWILIO")
    ),
    "OPS_ALERT_SIGNAL_URL",
    "OPS_SLACK_SIGNING_SECRETS",
}
INTERPOLATION = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_our_variables_are_fields_of_our_settings(where):
    """A variable with a slip in its name would be ignored, silently."""
    fields = {
        f"OPS_{name.upper()}"
        for settings in (Settings, ProductionSettings, Deployment)
        for name in settings.model_fields
    }
    fields.add("OPS_ACTOR")  # the command line's own
    fields |= {f"OPS_SANDBOX_{name.upper()}" for name in SandboxSettings.model_fields}

    assert {name for name in ENVIRONMENTS[where] if name.startswith("OPS_")} <= fields


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_airflow_variables_are_options_of_this_airflow(where):
    """Airflow ignores what it does not know."""
    from airflow.configuration import conf

    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, described in conf.configuration_description.items()
        for option in described["options"]
    }
    used = {name for name in ENVIRONMENTS[where] if name.startswith("AIRFLOW__")}

    assert {
        name for name in used - known - UNDESCRIBED if not OF_THE_IMAGE_ALONE.match(name)
    } == set()


def test_values_meet_the_settings():
    """What is written as a plain value is one that the settings take."""
    taken = 0
    for environment in ENVIRONMENTS.values():
        plain = {
            name.removeprefix("OPS_").lower(): value
            for name, value in environment.items()
            if name.startswith("OPS_")
            and not name.startswith("OPS_SANDBOX_")
            and value
            and "$" not in value
        }
        Settings(**{"database_url": "postgresql://x", **plain})
        taken += len(plain)
    assert taken


def test_no_secret_has_a_default():
    """Each secret comes from `.env`, and compose refuses to start without it."""
    found = [*INTERPOLATION.finditer(COMPOSE.read_text() + SEVERAL_HOSTS.read_text())]
    secrets = [one for one in found if SECRET.search(one["name"]) and one["name"] not in NO_SECRET]

    assert len(secrets) > 10
    assert {one["name"]: one["rest"] for one in secrets} == {
        one["name"]: "?see .env.example" if one["name"] in NOT_ALWAYS_USED else ":?see .env.example"
        for one in secrets
    }


@pytest.mark.parametrize("where", list(ENVIRONMENTS))
def test_no_secret_is_written_down(where):
    """What is called a secret is taken from somewhere, or is the address of something without one."""
    for name, value in ENVIRONMENTS[where].items():
        if SECRET.search(name) and value:
            assert "$" in value or re.fullmatch(
                r"https?://[a-z0-9.-]+(:\d+)?(/execution/)?", value
            ), name


def test_the_example_has_exactly_the_names_that_compose_asks_for():
    """Whoever fills in the example has all, and nothing that is not used."""
    both = COMPOSE.read_text() + SEVERAL_HOSTS.read_text()
    asked = {one["name"] for one in INTERPOLATION.finditer(both)}

    assert set(assigned(EXAMPLE)) == asked


def test_each_key_of_the_example_has_its_recipe_above_it():
    """One recipe for three keys is read as one for the first."""
    lines = EXAMPLE.read_text().splitlines()
    bare = [
        line
        for above, line in pairwise(lines)
        if re.match(r"\w+=", line) and (not above.startswith("# ") or above.startswith("# ---"))
    ]

    assert bare == []


def test_the_example_holds_no_secret():
    """It is in git: its secrets are empty, or refer to others."""
    for name, value in assigned(EXAMPLE).items():
        if SECRET.search(name) and name not in NO_SECRET:
            assert not value or "_PASSWORD}@postgres:" in value, name


def test_the_example_is_for_production():
    """A trial is the exception that has to be asked for."""
    given = assigned(EXAMPLE)

    assert given["OPS_CLERK_MODE"] == "live"
    assert given["OPS_PUBLIC_URL"].startswith("https://")
    assert "sandbox:" not in "".join(given.values())


def test_the_sandboxs_file_leads_all_calls_to_the_sandbox():
    """With it nothing that is filled in for production reaches a vendor."""
    calls_out = {name for name in assigned(EXAMPLE) if name.startswith("AIRFLOW_CONN_")}
    given = assigned(SANDBOX)

    assert calls_out | {"OPS_ALERT_SIGNAL_URL"} <= given.keys() <= assigned(EXAMPLE).keys()
    for name in (*calls_out, "OPS_ALERT_SIGNAL_URL"):
        assert "http://sandbox:8026/" in given[name] or '"host": "sandbox"' in given[name]
    connections = [json.loads(given[name].strip("'")) for name in sorted(calls_out)]
    assert len(connections) == 9


def test_ops_has_what_tasks_and_relay_have():
    """What the doctor finds is what they would find: it lacks nothing that they are given, and has no other value."""
    not_for_it = {
        "FORWARDED_ALLOW_IPS",
        "OPS_DISPATCH_MAX_IN_FLIGHT",
        "OPS_DISPATCH_MIN_BATCH_SIZE",
    }
    for form, names in (("compose", ("airflow", "relay-1")), ("celery", ("worker", "relay-1"))):
        ops = ENVIRONMENTS[f"{form}:ops"]
        for name in names:
            given = ENVIRONMENTS[f"{form}:{name}"].items()
            missing = {key: value for key, value in given if ops.get(key) != value}
            assert missing.keys() <= not_for_it, (form, name)


def test_only_workers_and_ops_have_the_vendors_keys():
    """On several hosts: who asks the API server for a page is not in a process that could write to Stripe."""
    keys = {name for name in assigned(EXAMPLE) if name.startswith("AIRFLOW_CONN_")}
    has_some = {
        name
        for name, service in CELERY.items()
        if keys & service["environment"].keys() - {"AIRFLOW_CONN_SLACK"}
    }

    assert has_some == {"worker", "ops"}


def test_who_tells_slack_knows_how_a_command_is_written_there():
    """A message without it says `./ops`, which is a checkout's."""
    tells = {
        name: variables
        for name, variables in ENVIRONMENTS.items()
        if {"AIRFLOW_CONN_SLACK", "OPS_RUNBOOK_URL"} <= variables.keys()
    }
    assert {
        "compose:airflow",
        "celery:worker",
        "celery:dag-processor",
        "celery:triggerer",
    } <= {*tells}

    assert [name for name, variables in tells.items() if not variables.get("OPS_COMMAND")] == []


def test_who_calls_the_callbacks_of_failed_runs_has_what_they_need():
    """The DAG processor notes the failure, tells Slack, and takes the run's deadline from Airflow's own tables."""
    needed = {f"AIRFLOW_CONN_{name}" for name in ("OPS_POSTGRES", "AIRFLOW_POSTGRES", "SLACK")}
    chart = {one["name"] for one in yaml.safe_load(HELM.read_text())["dagProcessor"]["env"]}

    assert needed <= ENVIRONMENTS["compose:airflow"].keys()
    assert needed <= ENVIRONMENTS["celery:dag-processor"].keys()
    assert needed <= chart


def test_who_serves_the_console_has_what_it_needs():
    """The API server of each form: our tables, and how a command is written there."""
    needed = {"OPS_DATABASE_URL", "OPS_COMMAND"}
    chart = yaml.safe_load(HELM.read_text())
    helm = {one["name"] for one in chart["env"] + chart["apiServer"]["env"]}

    assert needed <= ENVIRONMENTS["compose:airflow"].keys()
    assert needed <= ENVIRONMENTS["celery:api-server"].keys()
    assert needed <= helm


def test_all_of_airflow_is_configured_alike_on_several_hosts():
    """An option that two services have has one value, and what is not about the executor is as on one host."""
    services = ("api-server", "scheduler-1", "scheduler-2", "dag-processor", "triggerer", "worker")
    host = ENVIRONMENTS["compose:airflow"]
    differs = OVER["scheduler-1"]["environment"].keys() & {
        name for name, value in OVER["worker"]["environment"].items() if host.get(name) != value
    }
    for name in services:
        for option, value in ENVIRONMENTS[f"celery:{name}"].items():
            if option.startswith("AIRFLOW__"):
                assert ENVIRONMENTS["celery:scheduler-1"][option] == value, (name, option)
                if option not in differs:
                    assert host[option] == value, (name, option)
    assert len(differs) > 10


def test_one_host_and_local_stack_set_airflow_alike():
    """The figures that are measured on the local stack are those of production on one host."""
    local = airflow_config.environment(
        checkout=ROOT, home=ROOT, database_dsn="postgresql://x", port=1,
        secrets=airflow_config.AirflowSecrets(fernet_key="", jwt_secret="", secret_key=""),
    )  # fmt: skip
    host = ENVIRONMENTS["compose:airflow"]
    of_a_place = {
        name for name in local if re.search(r"URL|SECRET|KEY|FOLDER|HOST|PORT|CONN|HOME|PATH", name)
    }
    of_a_checkout = {"AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL"}  # where DAG files come and go
    tuned = local.keys() - of_a_place - of_a_checkout

    assert len(tuned) > 10
    assert {name: host.get(name, "").lower() for name in tuned} == {
        name: local[name].lower() for name in tuned
    }


def test_several_hosts_and_chart_set_airflow_alike():
    """An option that both set has one value; only addresses and secrets differ. The chart has all that Celery needs."""
    compose = {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)
        for name, value in ENVIRONMENTS["celery:worker"].items()
    }
    both = {
        name
        for name, value in ENVIRONMENTS["helm"].items()
        if name in compose and value and "://" not in value
    } - {"OPS_COMMAND"}  # people write it differently
    assert len(both) > 15
    of_the_chart = {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"}
    tuned = {
        name
        for name, value in OVER["worker"]["environment"].items()
        if name.startswith("AIRFLOW__") and "$" not in value and "://" not in value
    }

    assert tuned - of_the_chart <= both
    assert {name: ENVIRONMENTS["helm"][name] for name in both} == {
        name: compose[name] for name in both
    }
