"""What reconciliation found, run by run."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
-- One run of reconciliation: what it looked at, what it found, what it put right.
CREATE TABLE ops.reconciliations (
  dag_run_id    text PRIMARY KEY,
  is_deep       boolean NOT NULL,               -- the vendors' state too
  is_dry_run    boolean NOT NULL,               -- nothing was put right
  started_at    timestamptz NOT NULL,
  finished_at   timestamptz,
  findings      jsonb NOT NULL DEFAULT '{}'     -- check → found, repaired, stopped, note, examples (ids only)
);
CREATE INDEX reconciliations_started_idx ON ops.reconciliations (started_at DESC);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
