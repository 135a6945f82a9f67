"""Contacts: who read the newsletter before she was a member, and whose a contact is."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

COLUMN = "ALTER TABLE ops.contacts ADD COLUMN is_reader boolean"  # NULL: nobody knows yet
INDEX = "CREATE INDEX contacts_hash_idx ON ops.contacts (subscriber_hash)"


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(COLUMN)
    op.get_bind().exec_driver_sql(INDEX)


def downgrade() -> None:
    """Refuse: these tables are not taken back."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
