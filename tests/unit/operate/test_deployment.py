"""Which deployment a command is about."""

import pytest

from include.errors import CommandError
from include.operate import deployment
from include.operate.deployment import Finder, NoDeploymentError, from_environment
from tests.factories import make_deployment

PRODUCTION = """
[production]
database_url = "postgresql://ops:geheim@db.example.org/ops"
airflow_url = "https://airflow.example.org/"
relay_urls = ["https://hooks.example.org"]
"""


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """Give a home of its own, and an environment that says nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPS_AIRFLOW_URL", "OPS_DATABASE_URL", "OPS_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(text, mode=0o600):
    """Write the configuration."""
    path = deployment.config_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def environment(monkeypatch, **variables):
    """Set what describes a deployment."""
    usual = {"OPS_AIRFLOW_URL": "http://api-server:8080", "OPS_DATABASE_URL": "postgresql://x"}
    for name, value in {**usual, **variables}.items():
        monkeypatch.setenv(name, value)


def test_profile_comes_before_the_environment(monkeypatch):
    """Who says --at means it; how the command is written there is said with its name."""
    write(PRODUCTION)
    environment(monkeypatch)

    found = Finder(at="production", local=make_deployment).find()

    assert (found.name, found.command) == ("production", "./ops --at production")
    assert found.run_url("a_dag", "a:run") == "https://airflow.example.org/dags/a_dag/runs/a%3Arun"
    assert not found.is_inside


def test_environment_comes_before_the_local_stack(monkeypatch):
    """Several values are separated by commas, and links lead where people open them."""
    environment(
        monkeypatch,
        OPS_STRIPE_WEBHOOK_SECRETS="whsec_old,whsec_new",
        OPS_RELAY_URLS="http://relay-1:8025,http://relay-2:8025",
        OPS_AIRFLOW_UI_URL="https://airflow.example.org",
        OPS_COMMAND="docker compose run --rm ops",
    )

    found = Finder(local=make_deployment).find()

    assert found.is_inside
    assert found.command == "docker compose run --rm ops"
    assert found.relay_urls == ("http://relay-1:8025", "http://relay-2:8025")
    assert [one.get_secret_value() for one in found.stripe_webhook_secrets] == [
        "whsec_old",
        "whsec_new",
    ]
    assert found.run_url("d", "r") == "https://airflow.example.org/dags/d/runs/r"


def test_another_postgres_alone_names_no_deployment(monkeypatch):
    """OPS_DATABASE_URL is how the local stack is told to use one."""
    monkeypatch.setenv("OPS_DATABASE_URL", "postgresql://x")

    assert Finder(local=make_deployment).find() == make_deployment()


def test_where_none_is_named_it_is_said_how():
    """In a container there is no local stack."""
    with pytest.raises(
        NoDeploymentError, match="OPS_DATABASE_URL and OPS_AIRFLOW_URL, or say --at"
    ):
        Finder().find()


def test_half_an_environment_is_refused(monkeypatch):
    """With the name of what is missing."""
    monkeypatch.setenv("OPS_AIRFLOW_URL", "http://api-server:8080")

    with pytest.raises(CommandError, match="OPS_DATABASE_URL: Field required"):
        from_environment()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_profiles_that_others_can_read_are_refused(mode):
    """They hold passwords."""
    write(PRODUCTION, mode)

    with pytest.raises(CommandError, match="chmod 600"):
        Finder(at="production").find()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is none"),
        ("[trial]\n", "there are trial"),
        ("[production", "is not TOML"),
        ('[production]\ndatabase_url = "postgresql://x"\n', "airflow_url: Field required"),
        (PRODUCTION + 'airflow_ur = "geheim"\n', "airflow_ur: Extra inputs are not permitted"),
        (PRODUCTION.replace('["https://hooks.example.org"]', "7"), "relay_urls: Input should be"),
    ],
)
def test_profile_that_cannot_be_used_is_said_without_its_values(text, said):
    """One line, and no password in it."""
    write(text)

    with pytest.raises(CommandError, match=said) as refused:
        Finder(at="production").find()

    assert "geheim" not in str(refused.value)


def test_no_password_is_in_what_is_printed_of_it():
    """A traceback or a log shows fields."""
    assert "secret@" not in repr(make_deployment())
