"""For which agents a document was filed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Apply."""
    op.add_column("approval", sa.Column("beside", sa.JSON(), server_default="[]", nullable=False))
