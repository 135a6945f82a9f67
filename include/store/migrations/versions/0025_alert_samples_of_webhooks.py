"""What the alert rules are told of webhooks is kept for a backtest, too."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"

COLUMNS = """
ALTER TABLE ops.alert_samples
  ADD COLUMN refused_count  bigint NOT NULL DEFAULT 0,
  ADD COLUMN missed_events  integer NOT NULL DEFAULT 0,
  ADD COLUMN silent_minutes double precision;  -- NULL: not known of that minute
"""


def upgrade() -> None:
    """Add them; of the minutes before nothing is known."""
    op.get_bind().exec_driver_sql(COLUMNS)


def downgrade() -> None:
    """Take them away."""
    op.get_bind().exec_driver_sql(
        "ALTER TABLE ops.alert_samples DROP refused_count, DROP missed_events, DROP silent_minutes"
    )
