"""The running stack as the reruns see it: its world in the form in which it is compared, and its runs' tasks."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg.rows import dict_row

from tests.dags.rerun.outcome import outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import ExitStack

    from include.lab.demo.stage import Stage
    from include.lab.stack.stack import Stack

PATIENCE_SECONDS = 180
POLL_SECONDS = 0.2  # the machine has better things to do than to answer us
ASKS = "ask_people"
READS = (".list", ".info", ".members", ".test", ".get", ".lookupByEmail")
"""How Slack's methods end that only read: all of them may be posted."""
NUMBERED = re.compile(r'("\w+_ids?":)(\d+|\[[\d,]*\])')
UNDER_WAY = (
    "SELECT (SELECT count(*) FROM ops.inbox"
    " WHERE state IN ('waiting', 'dispatched') OR state = 'failed' AND due_at IS NOT NULL)"
    " + (SELECT count(*) FROM ops.dispatches WHERE state IN ('claimed', 'started')) AS count"
)
COMPARED = (
    "INSERT INTO ops.webhook_checks (provider, cursor_at, checked_at)"
    " SELECT provider, now() + %s, now() FROM unnest(ARRAY['stripe', 'clerk']) AS provider"
    " ON CONFLICT (provider) DO UPDATE SET cursor_at = excluded.cursor_at"
)
UNTOLD = (
    "SELECT count(*) FROM ops.notices"
    " WHERE posted_at IS NULL OR NOT recovery_told OR state = 'open'"
)


@dataclass(frozen=True, kw_only=True)
class Board:
    """How runs stand (by their ids), and their tasks: state and try."""

    runs: dict[str, str]
    tasks: dict[tuple[str, str], tuple[str | None, int]]

    def state(self, run: str, task: str) -> str | None:
        """Return a task's state; None also where there is none."""
        return self.tasks.get((run, task), (None, 0))[0]

    def tries(self, run: str, task: str) -> int:
        """Return a task's try."""
        return self.tasks.get((run, task), (None, 0))[1]


@dataclass(frozen=True, kw_only=True)
class Live:
    """What the reruns have in their hands: a stage, and a hand in the databases."""

    stage: Stage
    stack: Stack
    exit_stack: ExitStack

    @cached_property
    def ours(self) -> psycopg.Connection[Any]:
        """Our tables, to be written to: time that has passed, what another job has left."""
        return self._connect(self.stack.database_url)

    @cached_property
    def airflows(self) -> psycopg.Connection[Any]:
        """Airflow's tables, the same."""
        return self._connect(self.stack.airflow_database_url)

    def _connect(self, dsn: str) -> psycopg.Connection[Any]:
        return self.exit_stack.enter_context(
            psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
        )

    # --- what is compared: the same as in tests/dags/rerun ---

    @property
    def sandbox(self) -> Live:
        """The vendors' side."""
        return self

    def ask(self, _method: str, path: str) -> Any:
        """Return a vendor's state."""
        return self.stage.sandbox.get(f"/{path}")

    def query(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Ask our tables."""
        return self.stage.database.execute(statement, parameters).fetchall()

    def welcomes(self) -> list[str]:
        """Return the addresses that Mailchimp was told to welcome, each as often as it said yes."""
        calls = self.stage.sandbox.get(
            "/calls", vendor="mailchimp", path="/customer-journeys/*", status=204, limit=100_000
        )["calls"]
        return sorted(call["request_body"]["email_address"] for call in calls)

    def world(self) -> Counter[str]:
        """Return the state of the world, as lines; numbers of rows are as far as the stack has come."""
        lines: Counter[str] = Counter()
        for line, count in outcome(self).items():
            lines[NUMBERED.sub(r"\1<number>", line)] += count
        return lines

    def written(self, *, since: float) -> list[str]:
        """Return the calls since then that change something at a vendor; that a watcher lives is none."""
        calls = self.stage.sandbox.get("/calls", limit=100_000)["calls"]
        return [
            f"{call['vendor']} {call['method']} {call['path']}"
            for call in calls
            if call["at"] >= since
            and call["method"] != "GET"
            and not call["path"].endswith(READS)
            and call["vendor"] != "dead-man"
        ]

    # --- runs ---

    def dags(self) -> dict[str, list[str]]:
        """Return all DAGs with their tasks, as Airflow has them."""
        found = self._get("/dags?limit=100")["dags"]
        return {
            dag["dag_id"]: [
                one["task_id"] for one in self._get(f"/dags/{dag['dag_id']}/tasks")["tasks"]
            ]
            for dag in found
        }

    def runs(self, dag: str) -> set[str]:
        """Return a DAG's newest runs."""
        found = self._get(f"/dags/{dag}/dagRuns?order_by=-run_after&limit=20")["dag_runs"]
        return {run["dag_run_id"] for run in found}

    def look(self, runs: Iterable[str]) -> Board:
        """Return how these runs stand, and their tasks."""
        wish = {"dag_run_ids": sorted(runs), "page_limit": 100}
        found = self._post("/dags/~/dagRuns/list", {"page_limit": 100, "order_by": "-run_after"})
        tasks = self._post("/dags/~/dagRuns/~/taskInstances/list", wish)["task_instances"]
        return Board(
            runs={run["dag_run_id"]: run["state"] for run in found["dag_runs"]},
            tasks={
                (task["dag_run_id"], task["task_id"]): (task["state"], task["try_number"])
                for task in tasks
            },
        )

    def wait(self, what: str, is_so: Callable[[], bool]) -> None:
        """Wait until it is so."""

        def is_so_now() -> bool:
            time.sleep(POLL_SECONDS)
            return is_so()

        self.stage.wait(what, is_so_now, PATIENCE_SECONDS)

    def why_failed(self, dag: str, run: str) -> str:
        """Return what the logs of a run's failed tasks end with."""
        board = self.look([run])
        ends = [
            f"{task}, try {tries}: {self._log(dag, run, task, tries)[-2000:]}"
            for (_, task), (state, tries) in board.tasks.items()
            if state == "failed"
        ]
        return "\n".join([f"{run} failed", *ends])

    def _log(self, dag: str, run: str, task: str, tries: int) -> str:
        path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/logs/{tries}"
        return str(self._get(path)["content"])

    def _get(self, path: str) -> Any:
        return self.stage.airflow.ask("GET", path).raise_for_status().json()

    def _post(self, path: str, wish: dict[str, object]) -> Any:
        return self.stage.airflow.ask("POST", path, wish).raise_for_status().json()

    def clear(self, dag: str, run: str, tasks: Iterable[str], *, following: bool = False) -> None:
        """Clear tasks as a person does in the UI, with what follows them if wished."""
        wish = {
            "dry_run": False,
            "only_failed": False,
            "dag_run_id": run,
            "task_ids": list(tasks),
            "include_downstream": following,
            "reset_dag_runs": True,
        }
        answer = self.stage.airflow.ask("POST", f"/dags/{dag}/clearTaskInstances", wish)
        assert answer.is_success, answer.text

    def answer(self, run: str, choice: str, **values: str) -> None:
        """Answer a review's question; what is not said stays as the form has it."""
        path = f"/dags/dead_letter_review/dagRuns/{run}/taskInstances/{ASKS}/-1/hitlDetails"
        form = self.stage.airflow.ask("GET", path).raise_for_status().json()["params"]
        filled = {name: field["value"] for name, field in form.items()}
        filled |= {_field(form, name): value for name, value in values.items()}
        body = {"chosen_options": [choice], "params_input": filled}
        self.stage.airflow.ask("PATCH", path, body).raise_for_status()

    def wait_for_ends(self, runs: Mapping[str, str]) -> None:
        """Wait until these runs (by DAG) have ended well; a review that asks anew is put off."""

        def are_over() -> bool:
            board = self.look(runs.values())
            for dag, run in runs.items():
                assert board.runs[run] != "failed", self.why_failed(dag, run)
                if board.state(run, ASKS) == "awaiting_input":
                    self.answer(run, "Not now")
            return all(board.runs[run] == "success" for run in runs.values())

        self.wait(f"the ends of {runs}", are_over)

    def wait_for_rest(self) -> None:
        """Wait until nothing is under way between the relay and Airflow."""
        self.wait("rest", lambda: not self.query(UNDER_WAY)[0]["count"])

    def have_compared(self, ahead: timedelta = timedelta()) -> None:
        """Have the vendors' lists of changes be compared up to now, or further.

        The scenes have a part of what happens delivered; the rest is not to come as soon as it is two minutes old.
        """
        self.ours.execute(COMPARED, (ahead,))

    def have_the_night_behind(self) -> None:
        """Have all be compared that the vendors have, as once a night: it is not due again for 20 hours.

        In the middle of a scene it would do what the scene has not had delivered.
        """
        run = self.stage.airflow.start_run("reconciliation", {"deep": True, "dry_run": False})
        self.wait_for_ends({"reconciliation": run})

    def has_untold(self) -> bool:
        """Tell whether people are still to be told of a failure, or of its end."""
        return bool(self.query(UNTOLD)[0]["count"])


def _field(form: dict[str, Any], name: str) -> str:
    """Return the field of that name, or the one about the group whose failure is described so."""
    if name in form:
        return name
    [found] = [key for key, field in form.items() if name in str(field)]
    return found
