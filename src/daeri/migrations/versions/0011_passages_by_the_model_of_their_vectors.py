"""Passages by the model of their vectors."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_passage_model", "passage", ["model", "file_id"], unique=False)
