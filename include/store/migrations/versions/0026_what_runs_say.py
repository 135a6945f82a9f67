"""A run says in words what it did, and whether it only looked."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"

COLUMNS = """
ALTER TABLE ops.job_runs
  ADD COLUMN is_dry boolean NOT NULL DEFAULT false,  -- it only looked: counted among no successes and failures
  ADD COLUMN said   jsonb NOT NULL DEFAULT '{}';     -- what came of it, by task; never an e-mail address or a secret
"""


def upgrade() -> None:
    """Add them; of the runs before nothing is known."""
    op.get_bind().exec_driver_sql(COLUMNS)


def downgrade() -> None:
    """Take them away."""
    op.get_bind().exec_driver_sql("ALTER TABLE ops.job_runs DROP is_dry, DROP said")
