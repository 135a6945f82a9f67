"""The databases: reachable, migrated, the platform's tables as agreed, and what our roles may do there."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from include.check_results import DoctorCheck, failed, not_configured, ok, warning
from include.operate.doctor.check_context import collaborators
from include.store import Store
from include.store.migrate import versions
from include.store.rights import Rights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from include.check_results import CheckContext, CheckResult
    from include.settings import Settings

GROUP: Final = "databases"
SECONDS: Final = 5.0  # for a statement, and to connect
MAX_SHOWN: Final = 5
MIGRATE: Final = (
    "start the new version as its documentation says: `prepare` (or `./ops up`) migrates first"
)


def checks(context: CheckContext) -> list[DoctorCheck]:
    """Return the checks, each over connections of its own that Postgres lets change nothing."""
    looks = {
        "ops database, for jobs": (lambda: _jobs(context), "set AIRFLOW_CONN_OPS_POSTGRES"),
        "ops database, for the relay": (lambda: _relay(context), "set OPS_DATABASE_URL"),
        "one ops database for both": (
            lambda: _are_one(context),
            "see to the databases that cannot be reached first",
        ),
        "Airflow's database": (lambda: _airflow(context), "set AIRFLOW_CONN_AIRFLOW_POSTGRES"),
    }
    return [
        DoctorCheck(group=GROUP, name=name, look=look, advice=f"is it up? If it is: {advice}")
        for name, (look, advice) in looks.items()
    ]


def _jobs(context: CheckContext) -> Iterable[CheckResult]:
    with _jobs_rights(context) as rights:
        yield from _role(rights, "ops database, for jobs")
        if not rights.missing():
            yield _migrations(rights)
        yield _platform(rights)


def _relay(context: CheckContext) -> Iterable[CheckResult]:
    name = "ops database, for the relay"
    if context.relay is None:
        yield not_configured(name, "the relay's settings cannot be used")
        return
    with _relay_rights(context.relay) as rights:
        yield from _role(rights, name)
        yield _session(rights)


def _are_one(context: CheckContext) -> Iterable[CheckResult]:
    """Compare what the jobs reach with what the relay reaches: by the server's start and the database's name."""
    if context.relay is None:
        return
    with _jobs_rights(context) as jobs, _relay_rights(context.relay) as relay:
        ours, theirs = jobs.session(), relay.session()
    name = "one ops database for both"
    if (ours.database, ours.started_at) == (theirs.database, theirs.started_at):
        yield ok(name, "jobs and relay work in the same")
    else:
        advice = "let AIRFLOW_CONN_OPS_POSTGRES and OPS_DATABASE_URL name the same database"
        reason = "the relay stores events where no job looks for them"
        yield failed(name, reason, advice)


def _airflow(context: CheckContext) -> Iterable[CheckResult]:
    with collaborators(context) as rt:
        rights = Rights(rt.airflow_tables.connection, timeout_seconds=SECONDS)
        session = rights.session()
    yield ok("Airflow's database", f"answers {session.role}")


@contextmanager
def _jobs_rights(context: CheckContext) -> Iterator[Rights]:
    with collaborators(context) as rt:
        yield Rights(rt.store.connection, timeout_seconds=SECONDS)


@contextmanager
def _relay_rights(relay: Settings) -> Iterator[Rights]:
    dsn = relay.database_url.get_secret_value()
    with closing(Store.connect(dsn, timeout_seconds=SECONDS)) as store:
        yield Rights(store.connection, timeout_seconds=SECONDS)


def _role(rights: Rights, name: str) -> Iterable[CheckResult]:
    """Say that it is reached, and what its role may not do, or more than it needs."""
    session = rights.session()
    if session.is_standby:
        advice = "use the address of the primary"
        yield failed(name, "it is a standby, which takes no changes", advice)
    else:
        yield ok(name, f"answers {session.role}")
    role = f"rights of {session.role}, {name.rpartition(' ')[2]}"
    missing = rights.missing()
    if missing:
        yield failed(role, f"lacks {_shown(missing)}", f"let the owner grant it to {session.role}")
    elif session.is_superuser:
        advice = "use a role of its own, which owns the schema ops and nothing else"
        yield warning(role, "is a superuser: it may do anything in every database", advice)
    else:
        yield ok(role, "may read and write all tables of ours, and the platform's that we keep")


def _shown(missing: Mapping[str, list[str]]) -> str:
    parts = [f"{', '.join(rights)} on {place}" for place, rights in list(missing.items())]
    more = f" and {len(parts) - MAX_SHOWN} more" if len(parts) > MAX_SHOWN else ""
    return "; ".join(parts[:MAX_SHOWN]) + more


def _migrations(rights: Rights) -> CheckResult:
    name, known, found = "migrations", versions(), rights.version()
    if found == known[0]:
        return ok(name, f"at {found}, as this version of the code")
    if found is None:
        return failed(name, "none was ever applied", MIGRATE)
    if found not in known:
        return failed(
            name,
            f"at {found}, which this version of the code does not know",
            "a newer version has worked here: run that one, or restore the backup from before it",
        )
    return failed(name, f"at {found}, {known.index(found)} behind {known[0]}", MIGRATE)


def _platform(rights: Rights) -> CheckResult:
    name, problems = "the platform's tables", rights.platform_problems()
    if not problems:
        return ok(name, "have the columns and keys that were agreed")
    more = f" and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
    return failed(
        name,
        "; ".join(problems[:MAX_SHOWN]) + more,
        "is it the platform's database? Its contract is include/store/platform.sql",
    )


def _session(rights: Rights) -> CheckResult:
    """Say whether the relay keeps its session: LISTEN and advisory locks are lost without."""
    name = "the relay's session"
    if rights.keeps_its_session():
        return ok(name, "is kept from statement to statement")
    return failed(
        name,
        "its statements are served by several of Postgres' processes: a pooler in transaction mode",
        "use the direct address or a session pooler (Supabase: port 5432)",
    )
