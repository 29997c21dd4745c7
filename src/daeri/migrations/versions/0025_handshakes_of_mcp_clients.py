"""Handshakes: what MCP clients until 2025-11-25 tell once, for any server."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "handshake",
        sa.Column("id", sa.String(60), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("capabilities", sa.JSON(), nullable=False),
        sa.Column("level", sa.String(20), nullable=True),
        sa.Column("uris", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handshake")),
    )
    op.create_index("ix_handshake_person", "handshake", ["person_id", "created_at"])
    op.create_index("ix_handshake_expiry", "handshake", ["expires_at"])
