"""The key that work was asked with."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply."""
    for table in ("run", "schedule", "approval"):
        op.add_column(table, sa.Column("credential", sa.String(length=60), nullable=True))
