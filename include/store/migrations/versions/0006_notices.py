"""Notices: what people are told about failed runs, and which runs they were told about."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = """
-- A failure that people are told about: once per kind of failure of a job, however often it happens.
CREATE TABLE ops.notices (
  key           text PRIMARY KEY,               -- job:fingerprint
  job           text NOT NULL,
  state         text NOT NULL CHECK (state IN ('open', 'recovered')),
  count         integer NOT NULL,               -- failures since it was opened
  told          integer NOT NULL DEFAULT 0,     -- how many of them have been told
  facts         jsonb NOT NULL,                 -- of the newest failure; never an e-mail address
  opened_at     timestamptz NOT NULL,
  seen_at       timestamptz NOT NULL,           -- the newest failure
  posted_at     timestamptz,                    -- the newest message
  thread_ts     text,                           -- Slack's name of it
  attempts      integer NOT NULL DEFAULT 0,     -- to send what is due now
  next_try_at   timestamptz NOT NULL,
  problem       text,                           -- why it is not sent yet
  recovered_at  timestamptz,
  recovery      jsonb,                          -- what put it right
  recovery_told boolean NOT NULL DEFAULT true
);
CREATE INDEX notices_open_idx ON ops.notices (opened_at) WHERE state = 'open';

-- The failed runs that notices are about: each failure of a run is counted once.
CREATE TABLE ops.notice_runs (
  job           text NOT NULL,
  dag_run_id    text NOT NULL,
  failed_at     timestamptz NOT NULL,
  key           text NOT NULL REFERENCES ops.notices (key),
  inbox_ids     bigint[] NOT NULL DEFAULT '{}', -- the rows it left failed or dead
  PRIMARY KEY (job, dag_run_id)
);
CREATE INDEX notice_runs_key_idx ON ops.notice_runs (key);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
