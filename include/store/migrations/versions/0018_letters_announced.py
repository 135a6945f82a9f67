"""Each new dead letter is told at once: which of them have been."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

CHANGES = """
ALTER TABLE ops.dead_letters ADD COLUMN announced_at timestamptz;  -- when people were told that it waits
UPDATE ops.dead_letters SET announced_at = now() WHERE state = 'open';
"""


def upgrade() -> None:
    """Add it; what is open by now is in a review."""
    op.get_bind().exec_driver_sql(CHANGES)


def downgrade() -> None:
    """Refuse, as all do."""
    raise RuntimeError("this column is not dropped; restore a backup instead")
