"""How a run's caller wants to be answered."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Apply."""
    op.add_column("run", sa.Column("terms", sa.JSON(), nullable=True))
