"""What `ops status` knows about a deployment, as one value: JSON for programs, a screen for people."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from include.clock import SystemClock
from include.operate import health_issues
from include.operate.health import PartHealth, all_health
from include.operate.terminal import document_of
from include.relay.health_issue import OPS, HealthIssue, counted
from include.relay.job_health import assess, assess_job
from include.relay.metrics import facts_in
from include.store import Store
from include.store.dead_letters import NOT_CLOSED
from include.store.metrics import numbers
from include.store.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from include.operate.deployment import Deployment
    from include.relay.airflow_health import AirflowHealth
    from include.relay.job_health import HealthFacts
    from include.store.notices import Notice

OVERDUE_AFTER = timedelta(minutes=2)  # what an end has to be carried out
MAX_PROBLEMS = 10
GIVEN_UP_SHOWN = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
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
    deactivations: dict[str, int]  # pending, running, overdue, date_unknown, failed
    dead_letters: dict[str, int] = field(default_factory=dict)  # by state, closed ones left out
    findings: dict[str, int] = field(default_factory=dict)  # open ones, by kind
    unrouted: dict[str, int] = field(default_factory=dict)  # of a day, by provider and type
    refused: dict[str, int] = field(default_factory=dict)  # of a day, by provider and reason


@dataclass(frozen=True, kw_only=True)
class StatusReport:
    """All of it: healthy where there is no issue."""

    summary: str = ""  # in words
    issues: tuple[HealthIssue, ...] = ()
    decisions: tuple[str, ...] = ()  # what waits for a person; that is no issue
    processes: tuple[ProcessStatus, ...] = ()
    health: tuple[PartHealth, ...] = ()
    work: Work | None = None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is wrong; the command ends with 1 where something is."""
        return not self.issues


def report(deployment: Deployment, processes: tuple[ProcessStatus, ...] = ()) -> StatusReport:
    """Ask every part of the deployment how it is; `processes` are those that the asker knows of."""
    now = SystemClock().now()
    airflow, others = all_health(
        airflow_url=deployment.airflow_url,
        relay_urls=deployment.relay_urls,
        sandbox_url=deployment.sandbox_url,
    )
    read, database = _read(deployment, health=airflow, now=now)
    parts, read = (database, *others), read or StatusReport()
    issues = (
        *health_issues.of_processes(processes),
        *health_issues.of_parts(parts, airflow if read.work is None else None),
        *read.issues,
    )
    summary = health_issues.summary(issues) or read.summary
    return replace(read, summary=summary, issues=issues, processes=processes, health=parts)


def _read(
    deployment: Deployment, *, health: AirflowHealth, now: datetime
) -> tuple[StatusReport | None, PartHealth]:
    """Read the tables; None where the database does not answer."""
    dsn = deployment.database_url.get_secret_value()
    try:
        with closing(Store.connect(dsn, timeout_seconds=2)) as store:
            read = read_in(store, health=health, now=now)
    except psycopg.Error as error:
        words = f"does not answer: {reason_of(error)}"
        return None, PartHealth(part="database", ok=False, words=words)
    return read, PartHealth(part="database", ok=True, words="answers")


def read_in(store: Store, *, health: AirflowHealth, now: datetime) -> StatusReport:
    """Return what the tables say, assessed as the relay does; `summary` is for where all else is well, too."""
    facts = facts_in(store, health=health, now=now)
    assessed, work = assess(facts), work_in(store, now=now, facts=facts)
    untold = store.notices.untold(given_up_since=now - GIVEN_UP_SHOWN)
    return StatusReport(
        summary=f"All is well: {'; '.join(assessed.reasons)}",
        work=work,
        jobs={
            job: {"status": str(assess_job(one).status), **numbers(one)}
            for job, one in facts.jobs.items()
            if job
        },
        issues=(
            *assessed.issues,
            *health_issues.of_runs(store.dispatches.in_flight()),
            *health_issues.of_ends(
                work.deactivations, store.deactivations.problems(row_limit=MAX_PROBLEMS)
            ),
            *health_issues.of_messages(one for one in untold if not one.given_up_at),
        ),
        decisions=tuple(decisions(work, [one for one in untold if one.given_up_at])),
    )


def work_in(store: Store, *, now: datetime, facts: HealthFacts) -> Work:
    """Return what is in the tables."""
    since = store.inbox.waiting().since
    return Work(
        inbox={state.value: count for state, count in store.inbox.counts().items()},
        oldest_waiting_seconds=(now - since).total_seconds() if since else None,
        uncertain_steps=store.timeline.uncertain_steps(),
        deactivations=store.deactivations.work(overdue_since=now - OVERDUE_AFTER),
        dead_letters={
            state.value: count
            for state, count in store.dead_letters.counts().items()
            if state in NOT_CLOSED
        },
        findings=dict(facts.findings),
        unrouted={f"{one.provider} {one.type}": one.count for one in facts.unrouted},
        refused={f"{one.provider} {one.reason}": one.count for one in facts.refused},
    )


def decisions(work: Work, given_up: Sequence[Notice]) -> Iterator[str]:
    """Yield what waits for a person, with the command that shows it."""
    if count := work.dead_letters.get("open", 0):
        yield f"{counted(count, 'dead letter')}: `{OPS} dead-letters list`"
    if count := sum(work.findings.values()):
        yield f"{counted(count, 'finding')}: `{OPS} findings list`"
    if count := work.deactivations.get("failed", 0) + work.deactivations.get("date_unknown", 0):
        yield f"{counted(count, 'planned end')} that failed or has no date: `{OPS} deactivations list`"
    for effect, count in work.uncertain_steps.items():
        yield f"{effect}: {counted(count, 'call')} whose answer was lost: `{OPS} dead-letters list`"
    for job, problem in dict.fromkeys((one.job, one.problem) for one in given_up):
        yield f"{job} has failed, and people could not be told: {problem}"


def document(deployment: Deployment, told: StatusReport) -> dict[str, Any]:
    """Return the report as JSON, with the addresses that need no password."""
    command = deployment.command
    issues = [
        document_of(
            one, without=("what", "why"), words=str(one), to_do=one.to_do.replace(OPS, command)
        )
        for one in told.issues
    ]
    return {
        "deployment": deployment.name,
        "state": "healthy" if told.is_well else "unhealthy",
        **asdict(told),
        "issues": issues,
        "decisions": [one.replace(OPS, command) for one in told.decisions],
        "airflow": deployment.airflow_ui_url or deployment.airflow_url,
        "relays": list(deployment.relay_urls),
        "sandbox": deployment.sandbox_url or None,
    }
