"""What a run did, in words without an address: its note in Airflow's UI, and the first line of its console page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import ErrorClass
from include.notify.texts import counted
from include.store.dead_letters import DeadLetterState, Filter

if TYPE_CHECKING:
    from include.store import Store

NOTHING = "Nothing to do"
MAX_NAMED = 20
OUTCOMES = {
    "create": "is new",
    "update": "brought up to date",
    "cancel": "ended",
    "unchanged": "was right already",
    "terminal": "only she can go on",
    "failed": "failed",
    "done": "ended",
}


def words_of(job: str, dag_run_id: str, *, store: Store, failure: str | None = None) -> str:
    """Say what a run did: why it failed, what its tasks have said, whom it changed, what it left for a person."""
    said = (
        f"Failed: {failure}" if failure else "",
        *store.job_runs.said(job, dag_run_id),
        _members(dag_run_id, store),
        _dead_letters(dag_run_id, store),
    )
    return "; ".join(filter(None, said)) or NOTHING


def words_for(outcome: str | None) -> str:
    """Say what came of one member in a run."""
    if outcome is None:
        return "nothing has come of it yet"
    return OUTCOMES.get(outcome, outcome.replace("_", " "))


def _members(dag_run_id: str, store: Store) -> str:
    outcomes = store.lookup.outcomes_of_run(dag_run_id)
    told = ", ".join(f"{number} {words_for(outcome)}" for outcome, number in outcomes)
    number = sum(number for _, number in outcomes)
    return f"{counted(number, 'member')}: {told}" if outcomes else ""


def _dead_letters(dag_run_id: str, store: Store) -> str:
    """Name the dead letters that the run has left, and what nobody knows of: a welcome whose answer was lost."""
    wanted = Filter(dag_run_id=dag_run_id, states=tuple(DeadLetterState))
    dead_letters = store.dead_letters.select(wanted)
    if not dead_letters:
        return ""
    uncertain = sum(
        one.error_class is ErrorClass.UNCERTAIN and one.state is DeadLetterState.OPEN
        for one in dead_letters
    )
    welcomes = (
        f"{counted(uncertain, 'welcome')} uncertain; " if uncertain > 1 else "welcome uncertain; "
    )
    numbers = ", ".join(str(one.id) for one in dead_letters[:MAX_NAMED])
    more = f" and {len(dead_letters) - MAX_NAMED:,} more" if len(dead_letters) > MAX_NAMED else ""
    return f"{welcomes if uncertain else ''}dead letter{'' if len(dead_letters) == 1 else 's'} {numbers}{more}"
