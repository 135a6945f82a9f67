"""An answer to a review that cannot be taken as it is: why, and that the question is put again."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

CHANGES = """
ALTER TABLE ops.reviews
  ADD COLUMN refusal text,                      -- why the answer could not be taken
  DROP CONSTRAINT reviews_state_check,
  ADD CONSTRAINT reviews_state_check
    CHECK (state IN ('asked', 'answered', 'unanswered', 'refused', 'left', 'done'));
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(CHANGES)


def downgrade() -> None:
    """Refuse, as all do."""
    raise RuntimeError("this column is not dropped; restore a backup instead")
