"""The local stack as a deployment, for the commands that work on any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.lab.shell import become, inherited_environment
from include.lab.stack import lifecycle
from include.lab.stack.programs import ops_environment
from include.operate.deployment import from_environment

if TYPE_CHECKING:
    from include.operate.deployment import Deployment

NAME = "local"


def local_stack() -> Deployment:
    """Return the stack that is up; raise NoDeploymentError saying how to start one.

    This process has its environment from here on, so that connections are read as its own processes read them.
    """
    at = lifecycle.layout()
    stack = lifecycle.running_or_error(at)
    become(ops_environment(inherited_environment(), at, stack))
    return from_environment(name=NAME)
