"""What became of each expected start of a scheduled job."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE ops.cron_ticks (
  job           text NOT NULL,
  tick_at       timestamptz NOT NULL,           -- when it should have started
  outcome       text NOT NULL CHECK (outcome IN ('ran', 'late', 'skipped', 'missed')),
  dag_run_id    text,                           -- the run of this tick, where there is one
  started_at    timestamptz,
  late_seconds  integer,                        -- from the tick to the run's start
  reason        text,                           -- why late, skipped or missed
  noted_at      timestamptz NOT NULL,
  PRIMARY KEY (job, tick_at)
);
"""


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
