"""The data classes of what agents word for later: memories, schedules, documents."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply; what a document that was filed before may hold is not known."""
    op.add_column("approval", sa.Column("classes", sa.JSON(), nullable=True))
    for table in ("memory", "schedule"):
        op.add_column(table, sa.Column("classes", sa.JSON(), server_default="[]", nullable=False))
