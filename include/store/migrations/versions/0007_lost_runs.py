"""Runs of deactivations: how many a row has lost, and which need not be withdrawn once they have begun."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = """
ALTER TABLE ops.deactivations
  ADD COLUMN lost_runs integer NOT NULL DEFAULT 0;        -- runs for this end that did nothing about it
ALTER TABLE ops.withdrawals
  ADD COLUMN is_optional boolean NOT NULL DEFAULT false;  -- withdrawn only if it has not begun
"""


def upgrade() -> None:
    """Add them."""
    op.get_bind().exec_driver_sql(COLUMNS)


def downgrade() -> None:
    """Refuse: what these tables hold must not be lost."""
    raise RuntimeError("these columns are not dropped; restore a backup instead")
