"""Alerts: where each rule stands, what has happened to it, who was told."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = """
-- When the rules were last evaluated: one row, which is also the lock of the evaluation.
CREATE TABLE ops.alert_evaluation (
  only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  evaluated_at    timestamptz
);
INSERT INTO ops.alert_evaluation DEFAULT VALUES;

-- Where each rule stands.
CREATE TABLE ops.alert_states (
  rule            text PRIMARY KEY,
  state           text NOT NULL CHECK (state IN ('inactive', 'pending', 'firing', 'resolved')),
  since           timestamptz,                    -- since when its condition holds, or held
  fired_at        timestamptz,
  told_at         timestamptz,                    -- when it was last said that it fires
  resolved_at     timestamptz,
  job             text,                           -- whose numbers; NULL: all jobs
  numbers         jsonb NOT NULL,                 -- of the last evaluation
  evaluated_at    timestamptz NOT NULL
);

-- What the rules were told, minute by minute: what a backtest plays again. Runs as they had ended then, whatever
-- a person has cleared since.
CREATE TABLE ops.alert_samples (
  at                     timestamptz NOT NULL,
  job                    text NOT NULL,           -- '' is all jobs
  since                  timestamptz NOT NULL,    -- runs are counted that ended after this and up to `at`
  success_count          integer NOT NULL,
  failure_count          integer NOT NULL,
  lost_count             integer NOT NULL,
  running_jobs           integer NOT NULL,
  queued_jobs            integer,                 -- these three are of the present: NULL where `at` was made up for
  dlq_count              integer,
  oldest_waiting_seconds double precision,
  PRIMARY KEY (at, job)
);

-- What has happened to the rules, for ever: what a backtest is held against.
CREATE TABLE ops.alert_events (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule            text NOT NULL,
  what            text NOT NULL CHECK (what IN ('pending', 'lapsed', 'fired', 'repeated', 'resolved')),
  at              timestamptz NOT NULL,
  since           timestamptz NOT NULL,
  fired_at        timestamptz,                    -- which firing: NULL before there is one
  job             text,
  numbers         jsonb NOT NULL,
  condition       text NOT NULL,                  -- as the rule was written then
  message         jsonb                           -- what is told; NULL: it came and went, or was only pending
);
CREATE INDEX alert_events_at_idx ON ops.alert_events (at);

-- Who is told: a row per message and channel, written before the call and ended after it.
CREATE TABLE ops.alert_messages (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id        bigint NOT NULL REFERENCES ops.alert_events ON DELETE CASCADE,
  channel         text NOT NULL,
  target          text NOT NULL,                  -- an address or a number: never in a log
  in_place_of     bigint REFERENCES ops.alert_messages ON DELETE CASCADE,  -- the one whose channel failed
  note            text,                           -- why it comes this way
  state           text NOT NULL CHECK (state IN
                    ('planned', 'intended', 'done', 'uncertain', 'failed', 'dropped')),
  attempts        integer NOT NULL DEFAULT 0,
  due_at          timestamptz NOT NULL,
  intended_at     timestamptz,
  finished_at     timestamptz,
  reason          text,                           -- what the channel said last
  receipt         text,                           -- the vendor's id of it
  UNIQUE (event_id, channel, target)              -- nobody is told twice of one thing
);
CREATE INDEX alert_messages_open_idx ON ops.alert_messages (due_at, id) WHERE state IN ('planned', 'intended');
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
