"""Who changed what of whom, and why. `seq` counts per target and has no gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from include.store.sql import Table, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """One change of one target; no field may hold an e-mail address."""

    target: str  # member:<uuid>
    actor: str  # system:<job>, user:<name>
    action: str
    dag_run_id: str | None = None
    inbox_ids: list[int] = field(default_factory=list)
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    metadata: dict[str, object] = field(default_factory=dict)


class AuditLog(Table, file="audit"):
    """The table `ops.audit_log`: rows are only ever added."""

    def add(self, changes: Sequence[AuditEntry], *, now: datetime) -> None:
        """Add a row per change. Needs a transaction, at whose end the targets are free again."""
        if not changes:
            return
        list(self._sql.lock_targets(targets=[change.target for change in changes]))
        self._sql.add_changes(
            [
                values_of(
                    change,
                    before=None if change.before is None else Jsonb(change.before),
                    after=None if change.after is None else Jsonb(change.after),
                    metadata=Jsonb(change.metadata),
                    now=now,
                )
                for change in changes
            ]
        )


def member_target(member_id: UUID) -> str:
    """Return how the audit log names a member."""
    return f"member:{member_id}"
