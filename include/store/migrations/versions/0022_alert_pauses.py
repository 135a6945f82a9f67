"""Alerts that a person has acknowledged or silenced: who, why, and until when."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"

TABLE = """
CREATE TABLE ops.alert_pauses (
  rule     text PRIMARY KEY,
  kind     text NOT NULL CHECK (kind IN ('acknowledged', 'silenced')),
  actor    text NOT NULL,
  why      text NOT NULL,
  made_at  timestamptz NOT NULL,
  until    timestamptz,        -- silenced: it is over by itself then
  fired_at timestamptz,        -- acknowledged: the firing that it is about, with which it is over
  CHECK ((kind = 'silenced') = (until IS NOT NULL) AND (kind = 'acknowledged') = (fired_at IS NOT NULL))
);
"""


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(TABLE)


def downgrade() -> None:
    """Refuse: these tables are not taken back."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
