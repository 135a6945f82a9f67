"""By which price a membership is on its plan, where only a lookup key says so: the key may move to another price."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add it; it is known of each membership when its subscription is read next."""
    op.get_bind().exec_driver_sql("ALTER TABLE ops.subscriptions ADD COLUMN keyed_price text")


def downgrade() -> None:
    """Take it away."""
    op.get_bind().exec_driver_sql("ALTER TABLE ops.subscriptions DROP COLUMN keyed_price")
