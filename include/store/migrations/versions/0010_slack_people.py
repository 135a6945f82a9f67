"""Who members are at Slack, and since when somebody should not be among them."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
-- Which member is who at Slack. Found by address once, and kept: addresses change, ids do not.
CREATE TABLE ops.slack_people (
  member_id     uuid PRIMARY KEY,
  slack_user_id text NOT NULL,
  by_hand       boolean NOT NULL DEFAULT false, -- a person tied the two: they have different addresses
  field_value   text NOT NULL DEFAULT '',       -- what we last wrote into the profile
  tied_at       timestamptz NOT NULL
);

-- Who at Slack has no good standing: removed after a grace period, proposed to staff after a longer one.
CREATE TABLE ops.slack_lapses (
  slack_user_id text PRIMARY KEY,
  since         timestamptz NOT NULL,
  proposed_at   timestamptz                     -- staff was told that the account may be closed
);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
