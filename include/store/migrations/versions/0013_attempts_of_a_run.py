"""Tries that failed, by their run: what a message about a failed run says it has left undone."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

INDEX = "CREATE INDEX dead_letter_attempts_run_idx ON ops.dead_letter_attempts (dag_run_id)"


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(INDEX)


def downgrade() -> None:
    """Refuse: these tables are not taken back."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
