"""What the rules of membership need to know, and the platform's tables have no column for."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = """
-- What Stripe says of a membership's subscription.
CREATE TABLE ops.subscriptions (
  subscription_id text PRIMARY KEY,
  customer_id     text,                            -- who pays for it
  past_due_since  timestamptz,                     -- since when a payment is owed, while it is
  is_fixed_term   boolean NOT NULL DEFAULT false   -- its end was agreed when it began: nobody asked to leave
);
CREATE INDEX subscriptions_customer_idx ON ops.subscriptions (customer_id);

-- What Clerk says of an account.
CREATE TABLE ops.accounts (
  clerk_user_id text PRIMARY KEY,
  addresses     text[] NOT NULL DEFAULT '{}',      -- those that Clerk has verified, in the form that is compared
  is_barred     boolean NOT NULL DEFAULT false,    -- banned, or locked out
  hid_profile   boolean NOT NULL DEFAULT false     -- and that hid the profile, which is shown again when it is over
);
CREATE INDEX accounts_addresses_idx ON ops.accounts USING gin (addresses);
CREATE INDEX accounts_barred_idx ON ops.accounts (clerk_user_id) WHERE is_barred;

-- Money that was paid back, by the charge that it was paid with; all of it, or a part.
ALTER TABLE ops.refunds
  ADD COLUMN charge_id text NOT NULL DEFAULT '',
  ADD COLUMN is_full   boolean NOT NULL DEFAULT true,
  DROP CONSTRAINT refunds_pkey,
  ADD PRIMARY KEY (subscription_id, charge_id);

ALTER TABLE ops.deactivations
  DROP CONSTRAINT deactivations_reason_check,
  ADD CONSTRAINT deactivations_reason_check CHECK (reason IN
    ('period_end', 'cancel_at', 'deleted', 'user_deleted', 'refunded', 'not_paid', 'by_hand'));
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: these tables hold what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
