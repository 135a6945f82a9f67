"""What `ops status` knows about a deployment, as one value: JSON for programs, a screen for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from include.clock import SystemClock
from include.operate.health import Health, JobsHealth, all_health, ill, jobs_health
from include.store import Store
from include.store.dead_letters import NOT_CLOSED
from include.store.timeline import Timeline

if TYPE_CHECKING:
    from datetime import datetime

    from include.operate.deployment import Deployment
    from include.store.breakers import Breaker

OVERDUE_AFTER = timedelta(minutes=2)  # what an end has to be carried out
MOST_PROBLEMS = 10
GIVEN_UP_SHOWN = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process, and how steady it has been since the stack was started."""

    name: str
    state: str
    pid: int | None
    uptime_seconds: int | None
    restarts: int
    last_exit: str | None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is in the tables: how much of what, and what needs somebody."""

    inbox: dict[str, int]
    oldest_waiting_seconds: float | None
    uncertain_steps: dict[str, int]
    problems: dict[str, str]  # run → why it is not started or does not go on
    deactivations: dict[str, int]  # pending, running, overdue, date_unknown, failed
    dead_letters: dict[str, int] = field(default_factory=dict)  # by state, closed ones left out
    findings: dict[str, int] = field(default_factory=dict)  # open ones, by kind
    breakers: dict[str, str] = field(default_factory=dict)  # vendor left alone → since when and why


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of it; without a running stack only that."""

    state: str  # down, healthy, unhealthy
    processes: tuple[Process, ...] = ()
    health: tuple[Health, ...] = ()
    work: Work | None = None
    jobs: JobsHealth | None = None  # runs that failed make no ill stack


def report(deployment: Deployment, processes: tuple[Process, ...] = ()) -> Report:
    """Ask every part of the deployment how it is; `processes` are those that the asker knows of."""
    work, database = _work(deployment)
    parts = all_health(
        airflow_url=deployment.airflow_url,
        relay_urls=deployment.relay_urls,
        sandbox_url=deployment.sandbox_url,
    )
    health = (database, *parts)
    steady = all(process.state == "RUNNING" for process in processes)
    state = "healthy" if steady and not ill(health) else "unhealthy"
    jobs = jobs_health(deployment.relay_urls[0]) if deployment.relay_urls else None
    return Report(state=state, processes=processes, health=health, work=work, jobs=jobs)


def _work(deployment: Deployment) -> tuple[Work | None, Health]:
    """Read the tables; None where the database does not answer."""
    try:
        store = Store.connect(deployment.database_url.get_secret_value(), timeout_seconds=2)
        try:
            return work_in(store, now=SystemClock().now()), Health(
                part="database", ok=True, words="answers"
            )
        finally:
            store.close()
    except psycopg.Error as error:
        words = f"does not answer ({type(error).__name__})"
        return None, Health(part="database", ok=False, words=words)


def work_in(store: Store, *, now: datetime) -> Work:
    """Return what is in the tables."""
    since = store.inbox.waiting().since
    return Work(
        inbox={state.value: count for state, count in store.inbox.counts().items()},
        oldest_waiting_seconds=(now - since).total_seconds() if since else None,
        uncertain_steps=Timeline(store.connection).uncertain_steps(),
        problems=_problems(store) | _untold(store, now=now),
        deactivations=store.deactivations.work(overdue_since=now - OVERDUE_AFTER),
        dead_letters={
            state.value: count
            for state, count in store.dead_letters.counts().items()
            if state in NOT_CLOSED
        },
        findings={kind.value: count for kind, count in store.findings.counts().items()},
        breakers={one.vendor: _breaker_words(one) for one in store.breakers.tripped()},
    )


def _breaker_words(one: Breaker) -> str:
    """Say how a vendor that is left alone stands."""
    probe = f"{one.probe_at:%H:%M:%S} UTC" if one.probe_at else "at once"
    since = f" since {one.opened_at:%Y-%m-%d %H:%M} UTC" if one.opened_at else ""
    return f"{one.state}{since}, tried again {probe}: {one.reason or 'it does not answer'}"


def _problems(store: Store) -> dict[str, str]:
    """Return what keeps runs from going on; what one cause keeps from it is told of a few."""
    runs = {one.dag_run_id: one.problem for one in store.dispatches.in_flight() if one.problem}
    ends = store.deactivations.problems(row_limit=MOST_PROBLEMS)
    return runs | {f"deactivation {number}": problem for number, problem in ends.items()}


def _untold(store: Store, *, now: datetime) -> dict[str, str]:
    """Return the messages that people have not got, and why: what waits, and what was given up lately."""
    notices = store.notices.untold(given_up_since=now - GIVEN_UP_SHOWN)
    return {
        f"message about {one.key}": f"{'given up' if one.given_up_at else 'not sent yet'}: {one.problem}"
        for one in notices[:MOST_PROBLEMS]
    }


def document(deployment: Deployment, told: Report) -> dict[str, Any]:
    """Return the report as JSON, with the addresses that need no password."""
    return {
        "deployment": deployment.name,
        "airflow": deployment.airflow_ui_url or deployment.airflow_url,
        "relays": list(deployment.relay_urls),
        "sandbox": deployment.sandbox_url or None,
        **asdict(told),
    }
