"""Where people find what messages are about."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from include.routing import dag_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Where things are found: Airflow's UI, the folder of the runbooks (empty: in the repository), and `ops`."""

    airflow_url: str
    runbook_url: str = ""
    command: str = "./ops"

    def run(self, job: str, dag_run_id: str) -> str:
        """Return the address of a run."""
        return f"{self.airflow_url.rstrip('/')}{run_path(job, dag_run_id)}"

    def task_log(self, job: str, dag_run_id: str, task: str, try_number: int | None) -> str:
        """Return the address of a task's log."""
        tail = f"?try_number={try_number}" if try_number else ""
        return f"{self.run(job, dag_run_id)}/tasks/{task}{tail}"

    def question(self, job: str, dag_run_id: str, task: str) -> str:
        """Return the address where a waiting task is answered."""
        return f"{self.run(job, dag_run_id)}/tasks/{task}/required_actions?map_index=-1"

    @property
    def waiting(self) -> str:
        """Return the console's page of what needs a person."""
        return f"{self.airflow_url.rstrip('/')}/ops/waiting"

    def runbook(self, name: str) -> str:
        """Return the address of the page that says what to do, or its file in the repository."""
        return f"{self.runbook_url.rstrip('/') or 'docs/runbooks'}/{name}.md"


def run_path(job: str, dag_run_id: str) -> str:
    """Return the path in Airflow's UI of a run that had a job's events in hand, or is of the job itself."""
    return f"/dags/{quote(dag_of(dag_run_id, job), safe='')}/runs/{quote(dag_run_id, safe='')}"
