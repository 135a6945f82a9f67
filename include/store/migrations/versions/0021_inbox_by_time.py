"""The inbox by the time of receipt: rows come in that order, so that a block range index costs next to nothing."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"

INDEX = "CREATE INDEX inbox_received_idx ON ops.inbox USING brin (received_at) WITH (pages_per_range = 16)"


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(INDEX)


def downgrade() -> None:
    """Take it away: it holds nothing."""
    op.get_bind().exec_driver_sql("DROP INDEX ops.inbox_received_idx")
