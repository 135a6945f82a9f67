"""The ops tables of the main path: inbox, dispatches, journal, contacts, audit."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE SCHEMA IF NOT EXISTS ops;

-- What a vendor told us, verified, before anything is done about it. Unique for ever.
CREATE TABLE ops.inbox (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider      text NOT NULL CHECK (provider IN ('stripe', 'clerk')),
  mode          text NOT NULL CHECK (mode IN ('live', 'test')),
  event_id      text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 255),
  type          text NOT NULL,
  api_version   text,
  created_at    timestamptz,                    -- the vendor's clock
  received_at   timestamptz NOT NULL,           -- ours
  headers       jsonb NOT NULL,
  body          bytea,                         -- the raw bytes; emptied by retention, never the key
  body_sha256   bytea NOT NULL,
  member_key    text,                 -- whom it is about, as the vendor says it
  job           text,                           -- NULL: nothing is done about it
  state         text NOT NULL CHECK (state IN
                  ('waiting', 'dispatched', 'processed', 'superseded', 'ignored', 'failed',
                   'dead')),
  reason        text,                           -- why ignored, failed, dead, superseded
  due_at        timestamptz,
  attempts      integer NOT NULL DEFAULT 0,     -- how often a run took it
  dag_run_id    text,                           -- the run that took it last
  member_id     uuid,                           -- whom it turned out to be about
  dispatched_at timestamptz,
  finished_at   timestamptz,
  UNIQUE (provider, mode, event_id)
);
CREATE INDEX inbox_due_idx ON ops.inbox (job, due_at, id) WHERE state = 'waiting';
CREATE INDEX inbox_throttle_idx ON ops.inbox (member_key, dispatched_at)
  WHERE dispatched_at IS NOT NULL;
CREATE INDEX inbox_run_idx ON ops.inbox (dag_run_id) WHERE dag_run_id IS NOT NULL;
CREATE INDEX inbox_member_idx ON ops.inbox (member_id) WHERE member_id IS NOT NULL;

-- The same event id with another body: the first stays, the others are kept aside for a person.
CREATE TABLE ops.inbox_conflicts (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  inbox_id      bigint NOT NULL REFERENCES ops.inbox (id),
  body          bytea NOT NULL,
  body_sha256   bytea NOT NULL,
  received_at   timestamptz NOT NULL,
  deliveries    integer NOT NULL DEFAULT 1,
  UNIQUE (inbox_id, body_sha256)
);

-- Refused requests, counted by hour: one row per reason, however many are sent.
CREATE TABLE ops.rejections (
  hour          timestamptz NOT NULL,
  provider      text NOT NULL,
  reason        text NOT NULL,
  count         bigint NOT NULL,
  PRIMARY KEY (hour, provider, reason)
);

-- The DAG runs the dispatcher asked for.
CREATE TABLE ops.dispatches (
  dag_run_id    text PRIMARY KEY,
  job           text NOT NULL,
  rows          integer NOT NULL,
  state         text NOT NULL CHECK (state IN ('claimed', 'started', 'finished', 'lost')),
  claimed_at    timestamptz NOT NULL,
  started_at    timestamptz,                    -- Airflow has the run
  finished_at   timestamptz,                    -- none of its rows is in its hands any more
  checked_at    timestamptz,                    -- when Airflow was last asked about it
  problem       text                            -- why it is not started yet
);
CREATE INDEX dispatches_open_idx ON ops.dispatches (job) WHERE state IN ('claimed', 'started');

-- The newest state of a vendor's object that was applied: what is older changes nothing.
CREATE TABLE ops.objects (
  provider      text NOT NULL,
  mode          text NOT NULL,
  object_id     text NOT NULL,                  -- cus_…, sub_…, user_…
  member_id     uuid,
  as_of         timestamptz NOT NULL,
  event_id      text,                           -- NULL: read from the vendor
  is_final      boolean NOT NULL DEFAULT false, -- deleted or canceled: it never changes again
  provides      text[] NOT NULL DEFAULT '{}',   -- what the member has from this Clerk user: email, name
  PRIMARY KEY (provider, mode, object_id)
);
CREATE INDEX objects_member_idx ON ops.objects (member_id);

-- The members one run works on, and what came of it.
CREATE TABLE ops.run_members (
  dag_run_id    text NOT NULL,
  member_id     uuid NOT NULL,
  outcome       text CHECK (outcome IN
                  ('create', 'update', 'cancel', 'unchanged', 'terminal', 'failed')),
  reason        text,
  before        jsonb,                          -- the member's state as the audit log knows it
  after         jsonb,
  recorded_at   timestamptz,                    -- the outcome is in the audit log
  PRIMARY KEY (dag_run_id, member_id)
);

-- The member's contact at Mailchimp, as we last left it.
CREATE TABLE ops.contacts (
  member_id       uuid PRIMARY KEY,
  subscriber_hash text NOT NULL,                -- MD5 of the lower-cased address (Mailchimp's key)
  status          text NOT NULL,                -- subscribed, unsubscribed, compliance, forgotten …
  tags            text[] NOT NULL DEFAULT '{}',
  retired         text[] NOT NULL DEFAULT '{}', -- hashes of contacts that a merge left over: to be archived
  applied_sha256  bytea NOT NULL,               -- of the wanted state: equal means nothing to call
  synced_at       timestamptz NOT NULL
);

-- The journal of effects that must happen once: intent before the call, result after it.
CREATE TABLE ops.steps (
  key           text PRIMARY KEY,               -- effect:member[:period]
  effect        text NOT NULL,
  member_id     uuid,
  state         text NOT NULL CHECK (state IN
                  ('planned', 'intended', 'done', 'uncertain', 'refused')),
  dag_run_id    text,
  attempts      integer NOT NULL DEFAULT 0,
  planned_at    timestamptz NOT NULL,
  intended_at   timestamptz,
  finished_at   timestamptz,
  reason        text
);
CREATE INDEX steps_open_idx ON ops.steps (member_id)
  WHERE state IN ('planned', 'intended', 'uncertain');

-- Who changed what of whom, and why. `seq` counts per target and has no gaps.
CREATE TABLE ops.audit_log (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target        text NOT NULL,                  -- member:<uuid>
  seq           integer NOT NULL,
  at            timestamptz NOT NULL,
  actor         text NOT NULL,                  -- system:mailchimp_sync, user:<name>
  action        text NOT NULL,                  -- mailchimp:create, …
  dag_run_id    text,
  inbox_ids     bigint[] NOT NULL DEFAULT '{}',
  before        jsonb,
  after         jsonb,
  metadata      jsonb NOT NULL DEFAULT '{}',    -- never an e-mail address
  UNIQUE (target, seq)
);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(
        TABLES
    )  # as it stands: op.execute would read ":period" as a parameter


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
