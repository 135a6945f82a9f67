"""Supervisor: its configuration, its start, and what it says about the processes.

It is spoken to over TCP on 127.0.0.1 with a random password, because the path of a socket in a deep
checkout may be too long for one.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xmlrpc.client import Error, ServerProxy

from include.airflow_host.supervision import program, section
from include.lab.shell import inherited_environment
from include.lab.stack.programs import base_environment, programs_of
from include.lab.stack.stack import HOST

if TYPE_CHECKING:
    from include.lab.stack.layout import Layout
    from include.lab.stack.programs import Program
    from include.lab.stack.stack import Stack

GROUP = "ops"  # all but Postgres: stopped together, and before it
UNREACHABLE = (OSError, Error, http.client.HTTPException)
PR_SET_PDEATHSIG = 1  # prctl(2)


def configuration(layout: Layout, stack: Stack) -> str:
    """Return the text of `supervisord.conf`; its paths are relative to the state folder.

    Supervisor runs there, and it expands a percent sign in the path of a log twice.
    """
    programs = programs_of(stack)
    together = ",".join(one.name for one in programs if one.name != "postgres")
    sections = [
        section(
            "supervisord",
            nodaemon="true",
            logfile=layout.supervisor_log.relative_to(layout.state),
            logfile_maxbytes="10MB",
            logfile_backups=2,
            pidfile="supervisord.pid",
            childlogdir=layout.logs.relative_to(layout.state),
            **({"user": "root"} if os.geteuid() == 0 else {}),
        ),
        section(
            "inet_http_server",
            port=f"{HOST}:{stack.ports.supervisor}",
            username="ops",
            password=stack.supervisor_password,
        ),
        section(
            "rpcinterface:supervisor",
            **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        *(_program(one, layout) for one in programs),
        section(f"group:{GROUP}", programs=together, priority=20),
    ]
    return "\n".join(sections)


def _program(one: Program, layout: Layout) -> str:
    launch = ["-P", "-m", "include.lab.stack.launch", one.name, str(layout.state)]
    return program(
        one.name,
        [layout.python, *launch],
        priority=10,
        autostart="true" if one.name == "postgres" else "false",
        startretries=30,  # each pause is a second longer than the last: eight minutes, then it stays down
        stop_signal=one.stop_signal,
        stop_group=one.stop_group,
        stopwaitsecs=one.stop_seconds,
        stdout_logfile=layout.log_of(one.name).relative_to(layout.state),
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups=2,
    )


def start(layout: Layout, stack: Stack, *, tied: bool) -> subprocess.Popen[bytes]:
    """Start supervisor in a session of its own; where `tied`, it ends when this process does."""
    environment = base_environment(inherited_environment(), layout, stack)
    with (layout.logs / "supervisord.out").open("w") as output:
        return subprocess.Popen(  # noqa: S603
            [
                layout.python,
                "-P",
                "-m",
                "supervisor.supervisord",
                "-c",
                str(layout.supervisor_conf),
            ],
            env=environment,
            cwd=layout.state,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent if tied else None,  # noqa: PLW1509 - no threads run yet
        )


def _end_with_parent() -> None:
    """Ask Linux to stop this process when its parent is gone, however that went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """One process as supervisor sees it."""

    name: str
    state: str  # STOPPED STARTING RUNNING BACKOFF STOPPING EXITED FATAL
    pid: int | None
    uptime_seconds: int | None


class Supervisor:
    """The running supervisor of one stack."""

    def __init__(self, stack: Stack) -> None:
        """Speak to the supervisor that `stack` names; nothing is said before the first call."""
        self._proxy = ServerProxy(
            f"http://ops:{stack.supervisor_password}@{HOST}:{stack.ports.supervisor}/RPC2"
        )

    def close(self) -> None:
        """Give the connection back."""
        self._proxy("close")()

    def is_up(self) -> bool:
        """Tell whether it answers, and to our password."""
        try:
            self._proxy.supervisor.getPID()
        except UNREACHABLE:
            return False
        return True

    def start_the_rest(self) -> None:
        """Start all processes but Postgres at once, and do not wait for them."""
        self._proxy.supervisor.startProcessGroup(GROUP, False)  # noqa: FBT003 - XML-RPC has no names

    def stop(self, name: str) -> None:
        """Stop one process and wait until it has ended."""
        self._proxy.supervisor.stopProcess(_full_name(name))

    def start(self, name: str) -> None:
        """Start one process that was stopped, and wait until it has stayed up for its `startsecs`."""
        self._proxy.supervisor.startProcess(_full_name(name))

    def processes(self) -> list[ProcessState]:
        """Return every process in the order of the table of programs; empty where nothing answers."""
        try:
            found: Any = self._proxy.supervisor.getAllProcessInfo()
        except UNREACHABLE:
            return []
        return [_state_from(one) for one in found]


def _full_name(name: str) -> str:
    """Return the name by which supervisor knows a process."""
    return name if name == "postgres" else f"{GROUP}:{name}"


def _state_from(info: dict[str, Any]) -> ProcessState:
    pid = info["pid"] or None
    return ProcessState(
        name=info["name"],
        state=info["statename"],
        pid=pid,
        uptime_seconds=max(0, info["now"] - info["start"]) if pid else None,
    )
