"""What Airflow's processes share is made before they are forked."""

from __future__ import annotations

import pytest

from include.airflow_host.preload import share_execution_api


def test_a_fork_takes_the_execution_api_that_was_made_before_it(monkeypatch):
    """Its first request would make the routes: for seconds, in which the first task waits, and in each fork anew."""
    execution = pytest.importorskip("airflow.api_fastapi.execution_api.app")
    server = pytest.importorskip("airflow.api_fastapi.app")
    for module in (execution, server):
        name = "create_task_execution_api_app"
        monkeypatch.setattr(module, name, getattr(module, name))

    share_execution_api()
    taken = execution.InProcessExecutionAPI().app
    anew = server.create_app(apps="execution").routes[-1].app

    assert [taken._cadwyn_initialized, anew._cadwyn_initialized] == [True, False]
    assert taken.router.lifespan_context.registry is not execution.lifespan.registry
