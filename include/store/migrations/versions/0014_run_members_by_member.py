"""What the runs before did to a member: the one after a lost run tells it."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

INDEX = "CREATE INDEX run_members_member_idx ON ops.run_members (member_id, recorded_at)"


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(INDEX)


def downgrade() -> None:
    """Refuse: these tables are not taken back."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
