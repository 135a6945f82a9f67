"""What the relays raise themselves, because Airflow cannot: once for all of them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
-- One row per alarm that was ever raised.
CREATE TABLE ops.relay_alarms (
  name          text PRIMARY KEY,
  since         timestamptz NOT NULL,           -- when it was raised last
  wrong_at      timestamptz NOT NULL,           -- when a relay last saw that something is wrong
  ended_at      timestamptz,                    -- when all was well again; NULL: it goes on
  words         text NOT NULL,                  -- what is wrong
  told          text NOT NULL DEFAULT 'nothing' CHECK (told IN ('nothing', 'firing', 'resolved')),
  told_at       timestamptz
);
"""


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse, as all do."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
