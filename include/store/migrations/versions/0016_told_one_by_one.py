"""A message that is refused holds up no other: it is given up and shown, and each watch address is told by itself."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

COLUMNS = """
ALTER TABLE ops.notices ADD COLUMN given_up_at timestamptz;  -- `problem` says why
ALTER TABLE ops.relay_alarms ADD COLUMN told_urls text[] NOT NULL DEFAULT '{}';  -- hashes of the addresses that know
"""


def upgrade() -> None:
    """Add them."""
    op.get_bind().exec_driver_sql(COLUMNS)


def downgrade() -> None:
    """Refuse, as all do."""
    raise RuntimeError("these columns are not dropped; restore a backup instead")
