"""What people were asked about dead letters, and what they answered."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

TABLES = """
-- One question to people about the dead letters that were open: the groups of alike ones, and what was decided.
CREATE TABLE ops.reviews (
  dag_run_id    text PRIMARY KEY,
  state         text NOT NULL CHECK (state IN ('asked', 'answered', 'unanswered', 'done')),
  groups        jsonb NOT NULL,                 -- in the order of the form: job, class, fingerprint, count, reason
  asked_at      timestamptz NOT NULL,
  answered_at   timestamptz,
  actor         text,                           -- user:<name>
  why           text,
  decisions     jsonb NOT NULL DEFAULT '{}',    -- group → replay, compensate, abandon, later
  results       jsonb NOT NULL DEFAULT '{}',    -- group → how many letters were meant, and changed
  finished_at   timestamptz
);
CREATE INDEX reviews_answered_idx ON ops.reviews (answered_at) WHERE answered_at IS NOT NULL;
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
