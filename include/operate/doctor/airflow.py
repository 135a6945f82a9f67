"""Airflow: its parts, its users and what they may do, our DAGs, the pools. No run is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx
from airflow.sdk.exceptions import AirflowNotFoundException

from include.airflow_api.client import AirflowClient
from include.airflow_api.roles import GIVEN_TO_ALL, reconciler_permissions, relay_permissions
from include.alerts.rules import known_jobs
from include.check_results import DoctorCheck, failed, not_configured, ok, warning
from include.dagkit.collaborators import account_of
from include.operate.doctor.check_context import collaborators
from include.operate.doctor.databases import SECONDS
from include.operate.health import airflow_health
from include.relay.airflow_health import read_airflow_health
from include.routing import RELAY_DAGS
from include.store.rights import make_read_only

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.airflow_api.records import Dag
    from include.check_results import CheckContext, CheckResult

GROUP: Final = "Airflow"
DEFAULT_POOL: Final = "default_pool"  # every task of ours runs in it
MAX_SHOWN: Final = 4
PREPARE: Final = (
    "run `prepare` (or `./ops up`) again: it gives each role what include/airflow_api/roles.py says"
)

Permissions = set[tuple[str, str]]


def checks(context: CheckContext) -> list[DoctorCheck]:
    """Return the checks, by whom Airflow is asked."""
    looks = {
        "Airflow's parts": (lambda: _parts(context), "is OPS_AIRFLOW_URL right, and Airflow up?"),
        "user of the relay": (
            lambda: _relay_user(context),
            "set OPS_AIRFLOW_PASSWORD to what `prepare` was given, then run it again",
        ),
        "user of reconciliation": (
            lambda: _reconciler(context),
            "set OPS_AIRFLOW_RECONCILER_PASSWORD to what `prepare` was given, then run it again",
        ),
        "roles and pools": (lambda: _tables(context), "set AIRFLOW_CONN_AIRFLOW_POSTGRES"),
    }
    return [
        DoctorCheck(group=GROUP, name=name, look=look, advice=advice)
        for name, (look, advice) in looks.items()
    ]


def _parts(context: CheckContext) -> Iterable[CheckResult]:
    if context.relay is None:
        yield not_configured("Airflow's parts", "the relay's settings cannot be used")
        return
    with httpx.Client(timeout=SECONDS, trust_env=False) as client:
        for part in airflow_health(
            read_airflow_health(client, context.relay.airflow_url.rstrip("/"))
        ):
            advice = f"see the log of {part.part}, and whether it runs"
            yield ok(part.part, part.words) if part.ok else failed(part.part, part.words, advice)


def _relay_user(context: CheckContext) -> Iterable[CheckResult]:
    """Log in as the relay, and read the DAGs that it starts."""
    if context.relay is None:
        return
    relay = context.relay
    api = AirflowClient(
        url=relay.airflow_url, username=relay.airflow_username, password=relay.airflow_password
    )
    try:
        for dag_id in RELAY_DAGS:
            api.is_paused(dag_id)
    finally:
        api.close()
    yield ok("user of the relay", f"{relay.airflow_username} logs in and reads its DAGs")


def _reconciler(context: CheckContext) -> Iterable[CheckResult]:
    """Log in as the user who may read all DAGs, and look at each."""
    with collaborators(context) as rt:
        known = {dag.dag_id: dag for dag in rt.airflow.dags()}
    yield ok("user of reconciliation", f"{account_of('airflow').login} logs in and reads DAGs")
    for dag_id in sorted(known_jobs()):
        yield _dag(f"DAG {dag_id}", known.get(dag_id))


def _dag(name: str, dag: Dag | None) -> CheckResult:
    if dag is None:
        advice = "see import errors in Airflow's UI and the DAG processor's log"
        return failed(name, "Airflow does not know it", advice)
    if dag.has_import_errors:
        return failed(name, "its file cannot be imported", "see import errors in Airflow's UI")
    if dag.is_paused:
        return failed(name, "is paused: what it should do waits", "unpause it in Airflow's UI")
    return ok(name, "is known and not paused")


def _tables(context: CheckContext) -> Iterable[CheckResult]:
    """Read from Airflow's own tables what no small user may ask its API."""
    with collaborators(context) as rt:
        tables = rt.airflow_tables
        make_read_only(tables.connection, timeout_seconds=SECONDS)
        relay = context.relay.airflow_username if context.relay else "relay"
        yield _role("rights of the relay", relay_permissions(), tables.permissions_of(relay))
        try:
            reconciler = account_of("airflow").login
        except AirflowNotFoundException:
            reconciler = "reconciler"
        yield _role(
            "rights of reconciliation", reconciler_permissions(), tables.permissions_of(reconciler)
        )
        yield _pool(tables.pools().get(DEFAULT_POOL))
        yield _imports(tables.import_errors())


def _role(name: str, wanted: Permissions, found: Permissions) -> CheckResult:
    missing, more = wanted - found, found - wanted - GIVEN_TO_ALL
    if not found:
        return failed(name, "the user is unknown or may do nothing", PREPARE)
    if missing:
        return failed(name, f"may not {_shown(missing)}", PREPARE)
    if more:
        return warning(name, f"may do more than it needs: {_shown(more)}", PREPARE)
    return ok(name, f"may do the {len(wanted)} things it needs, and nothing else")


def _shown(permissions: Permissions) -> str:
    words = sorted(f"{action.removeprefix('can_')} {what}" for action, what in permissions)
    more = f" and {len(words) - MAX_SHOWN} more" if len(words) > MAX_SHOWN else ""
    return ", ".join(words[:MAX_SHOWN]) + more


def _pool(slots: int | None) -> CheckResult:
    advice = "give it as many slots as tasks may run at once, in Airflow's UI"
    if not slots:
        return failed(f"pool {DEFAULT_POOL}", "has no slots: no task ever runs", advice)
    return ok(f"pool {DEFAULT_POOL}", f"has {slots} slots")


def _imports(files: list[str]) -> CheckResult:
    if not files:
        return ok("import errors", "there are none")
    more = f" and {len(files) - MAX_SHOWN} more" if len(files) > MAX_SHOWN else ""
    return failed(
        "import errors",
        ", ".join(files[:MAX_SHOWN]) + more,
        "Airflow's UI shows each with its reason",
    )
