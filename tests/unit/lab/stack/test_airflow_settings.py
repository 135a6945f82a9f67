"""`airflow_settings.yaml`: read strictly, fitted to the stack."""

from dataclasses import replace

import pytest

from include.errors import CommandError
from include.lab.stack.airflow_settings import SettingsFileError, for_stack, parse, read
from include.lab.stack.layout import ROOT
from include.lab.stack.stack import Ports, Stack

ONE = """\
airflow:
  connections:
    - conn_id: a
      conn_type: http
      conn_extra: {x: 1}
  pools:
    - {pool_name: p, pool_slot: 2}
  variables:
    - {variable_name: v, variable_value: w}
"""


@pytest.fixture
def stack():
    """Return a stack on other ports than the file's."""
    return Stack(ports=Ports(relay=1, sandbox=2, airflow=3, postgres=4, supervisor=5))


def test_file_of_the_repository_is_readable():
    """The one that the Astro CLI and `./ops up` load."""
    settings = read(ROOT / "airflow_settings.yaml")

    databases = {"ops_postgres", "airflow_postgres"}
    vendors = {"stripe", "clerk", "mailchimp", "luma", "slack", "slack_admin", "slack_webhook"}
    assert databases | vendors <= set(settings.documents())


def test_what_is_written_is_what_comes_out():
    """In Airflow's words instead of the Astro CLI's; what is empty is left out."""
    settings = parse(ONE)

    assert settings.documents() == {"a": {"conn_type": "http", "extra": {"x": 1}}}
    assert (settings.pools[0].name, settings.pools[0].slots) == ("p", 2)
    assert (settings.variables[0].key, settings.variables[0].value) == ("v", "w")


def test_file_of_the_astro_cli_with_empty_values_is_read():
    """`astro dev init` writes every key, empty."""
    text = "airflow:\n  connections:\n    - {conn_id: a, conn_type: b, conn_host: '', conn_port: 0}\n  pools:\n"

    assert parse(text).documents() == {"a": {"conn_type": "b"}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("conn_type: http", "conn_tpye: http", "line 3: unknown key 'conn_tpye'"),
        ("      conn_type: http\n", "", "line 3: 'conn_type' is missing"),
        ("conn_id: a", "conn_id: ''", "line 3: 'conn_id' is missing"),
        ("conn_id: a", "conn_id: 7", "line 3: 'conn_id' must be a text"),
        (
            "conn_type: http",
            "conn_type: http\n      conn_port: high",
            "'conn_port' must be a whole",
        ),
        ("pool_slot: 2", "pool_slot: true", "line 7: 'pool_slot' must be a whole number"),
        ("conn_extra: {x: 1}", "conn_extra: {x: 1, x: 2}", "line 5: key 'x' is there twice"),
        ("  pools:\n", "  connections: []\n  pools:\n", "line 6: key 'connections' is there twice"),
        (
            "  pools:\n",
            "    - {conn_id: a, conn_type: b}\n  pools:\n",
            "line 6: conn_id 'a' is there twice",
        ),
        ("    - {variable_name: v, variable_value: w}", "    a: b", "'variables' is not a list"),
        ("{pool_name: p, pool_slot: 2}", "pool", "a mapping with"),
        ("airflow:\n", "airflow: [\n", "not YAML"),
        ("airflow:\n", "airflows:\n", "unknown key 'airflows'"),
    ],
)
def test_mistake_is_named_with_its_line(old, new, said):
    """Nothing is guessed, nothing is passed over."""
    with pytest.raises(SettingsFileError, match=r"^airflow_settings\.yaml, line ") as refused:
        parse(ONE.replace(old, new))

    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "airflow:", "- a", "7", "a: b: c", "\t", "&a [*a]", "? [1]: 2"]
)
def test_file_that_is_something_else_is_refused(text):
    """Whatever somebody puts there."""
    with pytest.raises(SettingsFileError):
        parse(text)


def test_missing_file_is_said(tmp_path):
    """Half a checkout."""
    with pytest.raises(CommandError, match="cannot be read"):
        read(tmp_path / "airflow_settings.yaml")


def test_connections_point_to_the_stack(stack):
    """Its ports and its keys in place of the file's; the rest stays."""
    settings = for_stack(read(ROOT / "airflow_settings.yaml"), stack)
    documents = settings.documents()

    assert documents["stripe"]["host"] == "http://127.0.0.1:2/stripe"
    assert documents["stripe"]["password"] == stack.stripe_api_key
    assert documents["mailchimp"]["extra"]["list_id"] == "a1b2c3d4e5"
    assert documents["slack"]["extra"]["base_url"] == "http://127.0.0.1:2/slack/api/"
    assert documents["slack"]["password"] == stack.slack_bot_token
    assert documents["slack_webhook"]["host"] == "http://127.0.0.1:2/slack/services"
    assert documents["ops_postgres"]["port"] == 4
    assert documents["ops_postgres"]["password"] == stack.ops_database_password
    assert documents["airflow_postgres"]["password"] == stack.airflow_database_password


def test_database_elsewhere_becomes_the_connection(stack):
    """OPS_DATABASE_URL, with its options, is where the tasks go too."""
    elsewhere = replace(
        stack, other_database_url="postgresql://me:p%40ss@db.invalid:6543/postgres?sslmode=require"
    )

    document = for_stack(read(ROOT / "airflow_settings.yaml"), elsewhere).documents()[
        "ops_postgres"
    ]

    assert document["host"] == "db.invalid"
    assert document["port"] == 6543
    assert (document["login"], document["password"]) == ("me", "p@ss")
    assert document["schema"] == "postgres"
    assert document["extra"] == {"sslmode": "require"}
