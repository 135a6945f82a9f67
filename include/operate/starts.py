"""Jobs that a person starts for one member: she is found by her address, and Airflow keeps our id of her alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from include.errors import ActRefusedError
from include.person import person_from
from include.store.audit import AuditEntry, member_target
from include.vendors.manifests import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from include.clock import Clock
    from include.store import Store

JOBS: Final = {job: what for one in MANIFESTS.values() for job, what in one.starts.items()}
LOOK, DO = "look", "do"


class Start(Protocol):
    """How a run is started; raises ActRefusedError where it cannot be."""

    def __call__(self, job: str, conf: Mapping[str, Any], *, who: str) -> str:
        """Start a run in somebody's name and return its id."""


def start_for(  # noqa: PLR0913 - who starts what for whom, by name
    member_id: UUID, wanted: str, *, who: str, why: str, start: Start, store: Store, clock: Clock
) -> tuple[str, str]:
    """Start `<job>:look` or `<job>:do` for one member, and return the job and its run's id."""
    person = person_from(who, why)
    job, _, how = wanted.partition(":")
    if job not in JOBS or how not in (LOOK, DO):
        raise ActRefusedError("there is no such job for one member")
    if member_id not in store.members.read([member_id]):
        raise ActRefusedError("nobody is known by this id")
    run = start(job, {"member_id": str(member_id), "dry_run": how == LOOK}, who=who)
    change = AuditEntry(
        target=member_target(member_id),
        actor=person.actor,
        action="console:start",
        dag_run_id=run,
        metadata={"why": person.why, "job": job, "only_looks": how == LOOK},
    )
    with store.transaction():
        store.audit.add([change], now=clock.now())
    return job, run
