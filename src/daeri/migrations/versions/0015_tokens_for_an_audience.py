"""Tokens for an audience."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    op.add_column("api_key", sa.Column("lent_to", sa.String(length=60), nullable=True))
    op.add_column("api_key", sa.Column("audience", sa.String(length=20), nullable=True))
