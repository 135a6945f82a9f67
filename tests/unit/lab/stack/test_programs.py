"""Each process has what it needs in its environment, and nothing else."""

import pytest

from include.lab.stack.family import MARKER
from include.lab.stack.layout import Layout
from include.lab.stack.programs import PROGRAMS, base_environment
from include.lab.stack.stack import Ports, Stack
from include.settings import Settings

LAYOUT = Layout()
STACK = Stack(ports=Ports(relay=1, sandbox=2, airflow=3, postgres=4, supervisor=5))
AIRFLOW = {"fork-server", "api-server", "scheduler", "dag-processor", "triggerer"}
WHO_KNOWS = {
    "relay_password": {"relay"},
    "stripe_webhook_secret": {"relay", "sandbox"},
    "clerk_webhook_secret": {"relay", "sandbox"},
    "slack_signing_secret": {"relay", "sandbox"},
    "mailchimp_api_key": AIRFLOW | {"sandbox"},
    "luma_api_key": AIRFLOW | {"sandbox"},
    "jwt_secret": AIRFLOW,
    "fernet_key": AIRFLOW,
    "ops_database_password": AIRFLOW | {"relay"},
    "airflow_database_password": AIRFLOW,
    "postgres_password": set(),
    "admin_password": set(),
}


@pytest.mark.parametrize("secret", WHO_KNOWS)
def test_secret_is_known_to_who_needs_it(secret):
    """The relay does not hold the key that signs tokens, the sandbox no database."""
    value = getattr(STACK, secret)

    knows = {
        name
        for name, program in PROGRAMS.items()
        if any(value in text for text in program.environment(LAYOUT, STACK).values())
    }

    assert knows == WHO_KNOWS[secret] & set(PROGRAMS)


def test_no_secret_is_on_a_command_line():
    """Every user of the machine can read those."""
    words = " ".join(part for one in PROGRAMS.values() for part in one.command(LAYOUT, STACK))

    assert not [name for name in WHO_KNOWS if getattr(STACK, name) in words]


def test_environment_of_another_airflow_is_not_inherited():
    """AIRFLOW_HOME of the shell would lead to another installation, a database URL to production."""
    inherited = {
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW__CORE__FERNET_KEY": "x",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPS_DATABASE_URL": "postgresql://production/x",
        "OPS_WELCOME": "off",
        "LANG": "C.UTF-8",
    }

    environment = base_environment(inherited, LAYOUT, STACK)

    assert set(environment) & set(inherited) == {"OPS_WELCOME", "LANG"}
    assert environment[MARKER] == STACK.id


def test_relay_reads_its_environment(monkeypatch):
    """The names are the ones of its settings."""
    for name, value in PROGRAMS["relay"].environment(LAYOUT, STACK).items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert settings.relay_port == 1
    assert settings.airflow_url == "http://127.0.0.1:3"
    assert settings.stripe_webhook_secrets[0].get_secret_value() == STACK.stripe_webhook_secret
