"""`./ops status`: how a deployment is; of the local stack with its processes."""

from __future__ import annotations

from contextlib import closing

from include.lab.stack import deployment as local
from include.lab.stack import history, lifecycle
from include.lab.stack.supervisor import Supervisor
from include.operate.act import JsonOption  # noqa: TC001 - typer reads it
from include.operate.commands.status import show
from include.operate.deployment import chosen
from include.operate.report import ProcessStatus


def command(*, as_json: JsonOption = False) -> None:
    """Show health, inbox, addresses and the local stack's processes; exit code 1 unless all is well."""
    deployment = chosen()
    if deployment.name != local.NAME:
        show(deployment, as_json=as_json)
        return
    at = lifecycle.layout()
    places = {"passwords": str(at.stack_file), "logs": str(at.logs)}
    show(deployment, as_json=as_json, processes=processes(), places=places)


def processes() -> tuple[ProcessStatus, ...]:
    """Return each process of the local stack, and how steady it has been since the start."""
    at = lifecycle.layout()
    happened = history.read(at.supervisor_log)
    restarts, exits = history.restarts(happened), history.last_exits(happened)
    with closing(Supervisor(lifecycle.running_or_error(at))) as supervisor:
        return tuple(
            ProcessStatus(
                name=one.name,
                state=one.state,
                pid=one.pid,
                uptime_seconds=one.uptime_seconds,
                restarts=restarts[one.name],
                last_exit=exits.get(one.name),
            )
            for one in supervisor.processes()
        )
