"""When the stack may be called healthy: every part says so, our DAGs are parsed, one run went through.

The run is real and empty. The first task after a start takes seconds, 8 to 17 where there is no fork server, since
the API server imports and makes what tasks ask it only then; who waits for that should be the start, not a member.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from include.airflow_api.client import AirflowClient
from include.errors import AirflowError, AirflowRefusedError, CommandError
from include.lab.stack.prepare import dag_ids
from include.operate.health import all_health

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.lab.stack.layout import Layout
    from include.lab.stack.line import Line
    from include.lab.stack.stack import Stack
    from include.lab.stack.supervisor import Supervisor

FIRST_DAG = "mailchimp_sync"
PAUSE_SECONDS = 0.25
TIMEOUT = httpx.Timeout(30)  # the API server imports what it is first asked for


class Readiness:
    """Waits for one start of the stack."""

    def __init__(
        self, layout: Layout, stack: Stack, supervisor: Supervisor, line: Line, *, seconds: float
    ) -> None:
        """Give it at most `seconds`, and tell on `line` what is being waited for."""
        self._layout, self._stack, self._supervisor, self._line = layout, stack, supervisor, line
        self._started = time.monotonic()
        self._deadline = self._started + seconds

    def wait(self) -> float:
        """Return after how many seconds it was healthy; raise CommandError where it does not become so."""
        self._until(self._api_answers)
        try:
            with closing(as_admin(self._stack)) as api:
                self._see_a_run_through(api)
        except AirflowRefusedError as error:
            raise CommandError(
                f"what answers at {self._stack.airflow_url} is not this stack's Airflow: start again"
            ) from error
        except AirflowError as error:
            raise CommandError(
                f"Airflow does not do what it should, or another answers at {self._stack.airflow_url}: {error}"
            ) from error
        self._line.clear()
        return time.monotonic() - self._started

    def _see_a_run_through(self, api: AirflowClient) -> None:
        """Start an empty run, wait for it and for all parts, and forget it."""
        self._until(lambda: self._dags_are_parsed(api))
        run_id = f"first-run.{self._stack.id}.{time.time_ns()}"
        api.start_run(FIRST_DAG, run_id, conf={"inbox_ids": []})
        self._until(lambda: self._has_run(api, run_id))
        self._until(self._all_are_well)
        api.delete_run(FIRST_DAG, run_id)

    def _until(self, waiting_for: Callable[[], str]) -> None:
        """Ask until nothing is waited for any more."""
        while reason := waiting_for():
            self._give_up_on_the_lost()
            if time.monotonic() > self._deadline:
                raise CommandError(
                    f"not healthy after {time.monotonic() - self._started:.0f} s: {reason}; "
                    f"the logs are in {self._layout.logs}"
                )
            waited = f"{time.monotonic() - self._started:.0f} s"
            self._line.show(f"ops: waiting: {reason}", detail=waited)
            time.sleep(PAUSE_SECONDS)

    def _give_up_on_the_lost(self) -> None:
        for process in self._supervisor.processes():
            if process.state == "FATAL":
                raise CommandError(
                    f"{process.name} does not stay up; see {self._layout.log_of(process.name)}"
                )

    def _api_answers(self) -> str:
        """Have Airflow asked as its tasks ask it; the first time, that takes seconds."""
        url = f"{self._stack.airflow_url}/execution/health"
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=30, trust_env=False).is_success:
                return ""
        return "Airflow's API server starts"

    def _dags_are_parsed(self, api: AirflowClient) -> str:
        missing = sorted({*dag_ids(self._layout)} - {dag.dag_id for dag in api.dags()})
        if missing and (errors := api.import_errors()):
            raise CommandError(f"a DAG does not import: {errors[0]}")
        return f"DAGs are parsed ({', '.join(missing)})" if missing else ""

    def _has_run(self, api: AirflowClient, run_id: str) -> str:
        state = None
        with suppress(AirflowError):
            state = api.run_state(FIRST_DAG, run_id)
        if state == "failed":
            raise CommandError(f"an empty run of {FIRST_DAG} fails: see {self._stack.airflow_url}")
        return "" if state == "success" else "a first, empty run goes through"

    def _all_are_well(self) -> str:
        stack = self._stack
        _, healths = all_health(
            airflow_url=stack.airflow_url,
            relay_urls=[stack.relay_url],
            sandbox_url=stack.sandbox_url,
        )
        return "; ".join(f"{one.part}: {one.words}" for one in healths if not one.ok)


def as_admin(stack: Stack) -> AirflowClient:
    """Return the stack's Airflow, asked as its admin."""
    login = stack.users["admin"]
    return AirflowClient(
        url=stack.airflow_url,
        username=login["username"],
        password=SecretStr(login["password"]),
        timeout=TIMEOUT,
        trust_env=False,
    )
