"""Until when the vendors' lists were compared, and what keeps webhooks from coming."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"

TABLES = """
-- Until when a vendor's own list of changes was compared with the inbox.
CREATE TABLE ops.webhook_checks (
  provider   text PRIMARY KEY,
  cursor_at  timestamptz NOT NULL,      -- what happened before then is here
  checked_at timestamptz NOT NULL
);

-- Why webhooks do not come, or did not: one row per cause, which begins anew when it comes again.
CREATE TABLE ops.silences (
  provider text NOT NULL,
  cause    text NOT NULL,
  since    timestamptz NOT NULL,
  seen_at  timestamptz NOT NULL,        -- when it was found last
  missing  integer NOT NULL DEFAULT 0,  -- events that did not come since, and were read from the vendor's list
  words    text NOT NULL,
  to_do    text NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (provider, cause)
);

COMMENT ON COLUMN ops.rejections.hour IS 'the minute that is counted; in rows of before 0023, the hour';
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Take them away: the next check finds the same again."""
    op.get_bind().exec_driver_sql("DROP TABLE ops.webhook_checks, ops.silences")
