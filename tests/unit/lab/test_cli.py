"""The command line as a whole."""

import pytest
from typer.testing import CliRunner

from include.errors import CommandError, OpsError
from include.lab.cli import COMMANDS, make_app
from include.operate import cli


def test_every_command_says_what_it_does():
    """`./ops --help` is the first thing one reads."""
    shown = CliRunner().invoke(make_app(), ["--help"]).output

    for name in COMMANDS:
        assert f"  {name} " in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_one_command_is_found_without_the_others(name):
    """Only what is asked for is imported."""
    result = CliRunner().invoke(make_app([name]), [name, "--help"])

    assert result.exit_code == 0
    assert f"./ops {name}" in result.output or f"ops {name}" in result.output


def test_unknown_command_is_refused():
    """With the way to the list."""
    result = CliRunner().invoke(make_app(["nope"]), ["nope"])

    assert result.exit_code == 2
    assert "No such command" in result.output


@pytest.mark.parametrize(
    ("raised", "ended"),
    [
        (CommandError("do this"), "ops: do this"),
        (OpsError("Airflow refuses"), "ops: Airflow refuses"),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_goes_wrong_is_one_line(monkeypatch, capsys, raised, ended):
    """No traceback, and an exit code that is not 0."""

    def app(**_options):
        raise raised

    monkeypatch.setattr(cli, "stop_on_signals", lambda: None)

    with pytest.raises(SystemExit) as left:
        cli.run(app, name="ops")

    assert left.value.code == ended
    assert "Traceback" not in capsys.readouterr().err
