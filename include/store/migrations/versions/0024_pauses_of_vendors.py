"""Vendors that a person has paused, and alerts that she wants quiet while a vendor is down."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"

COLUMNS = """
ALTER TABLE ops.breakers
  ADD COLUMN paused_by  text,                 -- who has paused it, until `probe_at`
  ADD COLUMN paused_why text,
  ADD CHECK ((paused_by IS NULL) = (paused_why IS NULL));

ALTER TABLE ops.alert_pauses
  ADD COLUMN vendor     text,                 -- inhibited: the vendor whose outage it is about
  ADD COLUMN down_since timestamptz,          -- which outage; with its end this is over
  DROP CONSTRAINT alert_pauses_kind_check,
  ADD CHECK (kind IN ('acknowledged', 'silenced', 'inhibited')),
  ADD CHECK ((kind = 'inhibited') = (vendor IS NOT NULL AND down_since IS NOT NULL));
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(COLUMNS)


def downgrade() -> None:
    """Refuse: these tables are not taken back."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
