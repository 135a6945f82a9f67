"""When memberships end: planned deactivations, periods that were paid back, runs to be withdrawn."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
-- The end of a membership, from the event that announced it to the moment it is done.
CREATE TABLE ops.deactivations (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member_id       uuid NOT NULL,
  subscription_id text NOT NULL,
  reason          text NOT NULL CHECK (reason IN
                    ('period_end', 'cancel_at', 'deleted', 'user_deleted', 'refunded', 'by_hand')),
  vendor_at       timestamptz,                    -- when it ends as the vendors say; NULL: they do not
  deactivate_at   timestamptz,                    -- when it ends: vendor_at, or what a person has set
  state           text NOT NULL CHECK (state IN
                    ('pending', 'scheduled', 'running', 'done', 'revoked', 'date_unknown', 'failed')),
  inbox_id        bigint,                         -- the event that made or changed it last
  generation      integer NOT NULL DEFAULT 1,     -- which of its runs this is
  dag_run_id      text,                           -- that run, once Airflow has it
  taken_by        text,                           -- the run that works on it, or did
  decided_at      timestamptz,                    -- when that run asked Stripe, and it was still to be
  applied_at      timestamptz,                    -- when it changed the platform's tables
  hid_profile     boolean NOT NULL DEFAULT false, -- and hid the profile, which a return shows again
  actor           text,                           -- the person who decided last, where one did
  why             text,                           -- and her reason; else why it is revoked or failed
  problem         text,                           -- why it has no run yet, or the run does not go on
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  scheduled_at    timestamptz,
  checked_at      timestamptz,                    -- when Airflow was last asked about its run
  finished_at     timestamptz,
  CHECK (deactivate_at IS NOT NULL OR state IN ('date_unknown', 'revoked'))
);
CREATE UNIQUE INDEX deactivations_open_key ON ops.deactivations (subscription_id)
  WHERE state NOT IN ('done', 'revoked');
CREATE INDEX deactivations_subscription_idx ON ops.deactivations (subscription_id, id DESC);
CREATE INDEX deactivations_member_idx ON ops.deactivations (member_id);
CREATE INDEX deactivations_pending_idx ON ops.deactivations (deactivate_at, id) WHERE state = 'pending';
CREATE INDEX deactivations_due_idx ON ops.deactivations (deactivate_at, id)
  WHERE state IN ('pending', 'scheduled');
CREATE INDEX deactivations_taken_idx ON ops.deactivations (taken_by) WHERE taken_by IS NOT NULL;
CREATE INDEX deactivations_running_idx ON ops.deactivations (id) WHERE state = 'running';

-- Up to when a subscription's period was paid back.
CREATE TABLE ops.refunds (
  subscription_id text PRIMARY KEY,
  paid_until      timestamptz NOT NULL,
  refunded_at     timestamptz NOT NULL
);

-- Runs whose deactivation was revoked or moved: Airflow is told as soon as it listens.
CREATE TABLE ops.withdrawals (
  dag_run_id      text PRIMARY KEY,
  reason          text NOT NULL,
  asked_at        timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
