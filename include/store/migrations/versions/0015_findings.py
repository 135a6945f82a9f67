"""What a person has to know, and nobody else can decide: findings."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

TABLES = """
-- One row per thing that a person has to know: it is told once, and blocks nobody.
CREATE TABLE ops.findings (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL,                  -- pays_twice, dispute, …
  subject    text NOT NULL,                  -- member:<uuid>, charge:<id>, price:<id>; never an address
  state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'over', 'closed')),
  words      text NOT NULL,                  -- what a person reads, without addresses and names
  causes     text[] NOT NULL DEFAULT '{}',   -- what has brought it up: ids of charges, of invoices
  member_id  uuid,
  times      integer NOT NULL DEFAULT 1,     -- how often it was news, and so told
  opened_at  timestamptz NOT NULL,
  seen_at    timestamptz NOT NULL,
  ended_at   timestamptz,
  closed_by  text,                           -- user:<name>, where a person has closed it
  why        text,
  UNIQUE (kind, subject)
);
CREATE INDEX findings_open_idx ON ops.findings (opened_at) WHERE state = 'open';
CREATE INDEX findings_member_idx ON ops.findings (member_id);
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
