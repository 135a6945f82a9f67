"""${message}."""

from __future__ import annotations

from alembic import op

revision = "${up_revision}"
down_revision = ${repr(down_revision)}

STATEMENTS = """
"""


def upgrade() -> None:
    """Apply them; what the old code could not bear comes in a later version."""
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    """Refuse: a change is undone by another version."""
    raise RuntimeError("versions only go forward; write one that undoes this")
