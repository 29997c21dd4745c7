"""The trace that a run belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    op.add_column("run", sa.Column("trace", sa.String(length=55), nullable=True))
