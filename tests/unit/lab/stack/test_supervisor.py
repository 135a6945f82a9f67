"""Supervisor's configuration: read by supervisor itself, free of secrets, safe with any path."""

import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from include.lab.stack.layout import Layout
from include.lab.stack.programs import PROGRAMS
from include.lab.stack.stack import Ports, Stack
from include.lab.stack.supervisor import Supervisor, configuration


@pytest.fixture
def layout(tmp_path, monkeypatch):
    """Return a layout below a path with a space, a quote, a percent sign and an umlaut; be there."""
    layout = Layout(state=tmp_path / "an 'odd' 100% päth" / "state")
    layout.make()
    monkeypatch.chdir(layout.state)  # supervisor is started there
    return layout


@pytest.fixture
def stack():
    """Return a stack with ports."""
    return Stack(ports=Ports(relay=1, sandbox=2, airflow=3, postgres=4, supervisor=5))


def read_by_supervisor(layout, text):
    """Return the options as supervisor understands them."""
    layout.supervisor_conf.write_text(text)
    options = ServerOptions()
    options.realize(args=["-c", str(layout.supervisor_conf)])
    return options


def processes_of(options):
    """Return the processes in the options, whatever group they are in."""
    return [one for group in options.process_group_configs for one in group.process_configs]


def test_supervisor_reads_every_process(layout, stack):
    """Each with its own log, restarted when it ends."""
    options = read_by_supervisor(layout, configuration(layout, stack))

    programs = {one.name: one for one in processes_of(options)}
    assert set(programs) == set(PROGRAMS)
    for name, program in programs.items():
        assert Path(program.stdout_logfile).absolute() == layout.log_of(name)
        assert program.autorestart


def test_command_survives_an_odd_path(layout, stack):
    """Supervisor splits and expands it; what comes out is what went in."""
    options = read_by_supervisor(layout, configuration(layout, stack))
    [relay] = [one for one in processes_of(options) if one.name == "relay"]

    assert shlex.split(relay.command)[-2:] == ["relay", str(layout.state)]


def test_postgres_stops_last_and_in_order(layout, stack):
    """The others first, together; then Postgres, asked to end at once and not by killing its group."""
    options = read_by_supervisor(layout, configuration(layout, stack))
    groups = sorted(options.process_group_configs)

    assert [group.name for group in groups] == ["postgres", "ops"]
    [postgres] = groups[0].process_configs
    assert postgres.stopsignal == 2
    assert not postgres.stopasgroup


def test_only_postgres_starts_by_itself(layout, stack):
    """The others wait until the databases are prepared."""
    options = read_by_supervisor(layout, configuration(layout, stack))

    assert [one.name for one in processes_of(options) if one.autostart] == ["postgres"]


def test_configuration_has_no_secret_but_its_own(layout, stack):
    """Processes read theirs from the private file."""
    text = configuration(layout, stack)

    assert stack.supervisor_password in text
    for secret in (stack.relay_password, stack.stripe_webhook_secret, stack.jwt_secret):
        assert secret not in text


def test_no_embedded_postgres_where_all_is_elsewhere(layout):
    """Nothing is started that nothing uses."""
    stack = Stack(
        other_database_url="postgresql://a/b", other_airflow_database_url="postgresql://a/c"
    )

    assert "[program:postgres]" not in configuration(layout, stack)


def test_supervisor_that_is_not_there_is_down(stack):
    """Nobody listens on port 5."""
    assert not Supervisor(stack).is_up()
    assert Supervisor(stack).processes() == []
