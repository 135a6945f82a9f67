"""What a service of the compose file is given, with the values of `.env`."""

from pathlib import Path

import pytest

from include.errors import CommandError
from include.operate.setup.compose import environment_of, interpolated

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "a"),
        ("${A:?why}-${B:-b}", "a-b"),
        ("${EMPTY:-else} ${EMPTY-else} ${NONE?why}", "else else "),
        ("$${A} $$", "${A} $"),
        ('{"password": "${A:?see .env.example}"}', '{"password": "a"}'),
    ],
)
def test_values_take_their_places(text, expected):
    """As Compose's own words have it."""
    assert interpolated(text, {"A": "a", "EMPTY": ""}) == expected


def test_ops_is_given_what_was_answered():
    """The names of `.env` are not always those of the settings: the compose file says which is which."""
    values = {"AIRFLOW_FERNET_KEY": "f", "OPS_CLERK_MODE": "live", "AIRFLOW_CONN_LUMA": ""}

    found = environment_of("ops", folder=ROOT, values=values)

    assert found["AIRFLOW__CORE__FERNET_KEY"] == "f"
    assert (found["OPS_CLERK_MODE"], found["AIRFLOW_CONN_LUMA"]) == ("live", "")


def test_folder_without_a_compose_file_is_said(tmp_path):
    """With the name of the file that is missing."""
    with pytest.raises(CommandError, match=r"docker-compose\.yaml cannot be read"):
        environment_of("ops", folder=tmp_path, values={})
