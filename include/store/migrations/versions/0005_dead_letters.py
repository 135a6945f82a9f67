"""What failed: its class, its tries, the letters that wait for a person, the breakers of vendors."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
ALTER TABLE ops.inbox ADD COLUMN error_class text;        -- of its last failure
ALTER TABLE ops.run_members ADD COLUMN error_class text;  -- why the outcome is failed
CREATE INDEX inbox_retry_idx ON ops.inbox (due_at, id)
  WHERE state IN ('failed', 'dead') AND due_at IS NOT NULL;

-- A failure, from its first try on: one row per case for ever, whatever fails there again.
CREATE TABLE ops.dead_letters (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job           text NOT NULL,
  subject       text NOT NULL,                  -- member:<uuid>, row:<inbox id>, step:<key>, run:<dag run id> …
  state         text NOT NULL CHECK (state IN
                  ('retrying', 'open', 'replaying', 'replayed', 'compensating', 'compensated',
                   'abandoned', 'resolved')),
  error_class   text NOT NULL CHECK (error_class IN
                  ('transient', 'slow_transient', 'permanent', 'terminal_member', 'uncertain', 'payload')),
  fingerprint   text NOT NULL,                  -- alike failures have the same
  reason        text NOT NULL,                  -- in plain words; never an address
  severity      text NOT NULL CHECK (severity IN ('warning', 'error', 'critical')),
  vendor        text,                           -- who did not do what was asked
  member_id     uuid,
  dag_run_id    text,                           -- the run that failed last
  first_seen_at timestamptz NOT NULL,
  last_seen_at  timestamptz NOT NULL,
  since         timestamptz NOT NULL,           -- when it began to fail this time
  act_id        bigint,                         -- what a person decided last …
  actor         text,                           -- … who that was …
  why           text,                           -- … and her reason
  closed_at     timestamptz,
  UNIQUE (job, subject)
);
CREATE INDEX dead_letters_open_idx ON ops.dead_letters (last_seen_at, id)
  WHERE state IN ('retrying', 'open', 'replaying', 'compensating');
CREATE INDEX dead_letters_member_idx ON ops.dead_letters (member_id) WHERE member_id IS NOT NULL;

-- The events that wait with it.
CREATE TABLE ops.dead_letter_rows (
  dead_letter_id bigint NOT NULL REFERENCES ops.dead_letters (id),
  inbox_id       bigint NOT NULL REFERENCES ops.inbox (id),
  PRIMARY KEY (dead_letter_id, inbox_id)
);
CREATE INDEX dead_letter_rows_inbox_idx ON ops.dead_letter_rows (inbox_id);

-- Every try that failed.
CREATE TABLE ops.dead_letter_attempts (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  dead_letter_id bigint NOT NULL REFERENCES ops.dead_letters (id),
  job            text NOT NULL,                 -- the DAG that tried
  dag_run_id     text NOT NULL DEFAULT '',
  try_number     integer NOT NULL,
  due_at         timestamptz,                   -- when it should have begun …
  started_at     timestamptz,                   -- … and when it did
  ended_at       timestamptz NOT NULL,
  error_class    text NOT NULL,
  reason         text NOT NULL,
  UNIQUE (dead_letter_id, job, dag_run_id, try_number)
);

-- What a person decided about letters: written down before it is done, so that it is done to the end.
CREATE TABLE ops.dead_letter_acts (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  act            text NOT NULL CHECK (act IN
                   ('replay', 'compensate', 'abandon', 'undo_abandon', 'close_fixed', 'hold')),
  actor          text NOT NULL,
  why            text NOT NULL,
  per_minute     integer,                       -- how many letters are due in a minute; NULL: all at once
  dead_letter_ids bigint[] NOT NULL,            -- all that were chosen, in the order in which it is done
  position       integer NOT NULL DEFAULT 0,    -- how many of them have had their turn
  done           integer NOT NULL DEFAULT 0,    -- and for how many there was something to do
  made_at        timestamptz NOT NULL,
  finished_at    timestamptz
);
CREATE INDEX dead_letter_acts_open_idx ON ops.dead_letter_acts (id) WHERE finished_at IS NULL;

-- Letters with what is counted and found out about them.
CREATE VIEW ops.dead_letter_list AS
SELECT letter.*,
       (SELECT count(*) FROM ops.dead_letter_attempts AS attempt WHERE attempt.dead_letter_id = letter.id) AS attempts,
       letter.state = 'open' AND starts_with(letter.subject, 'member:') AND EXISTS (
         SELECT FROM ops.inbox
         WHERE inbox.member_id = letter.member_id AND inbox.state = 'processed' AND inbox.job = letter.job
           AND inbox.finished_at > letter.last_seen_at
       ) AS is_fixed                            -- a later event has brought about what failed here
FROM ops.dead_letters AS letter;

-- Vendors that are down as a whole.
CREATE TABLE ops.breakers (
  vendor        text PRIMARY KEY,
  state         text NOT NULL CHECK (state IN ('closed', 'open', 'probing')),
  failing       text[] NOT NULL DEFAULT '{}',   -- whom calls failed for since one went well
  openings      integer NOT NULL DEFAULT 0,     -- probes that failed in a row, and the first opening
  probe_at      timestamptz,                    -- when one call may be tried
  probe_by      text,                           -- the run that tries it
  reason        text,                           -- what the vendor said last
  opened_at     timestamptz,
  changed_at    timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
