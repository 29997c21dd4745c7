"""Files of one's own."""

import sqlalchemy as sa
from alembic import op

import daeri.records.record

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "own_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("folded", sa.String(length=400), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("earlier", sa.JSON(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("written_by", sa.String(length=100), nullable=False),
        sa.Column("written_at", daeri.records.record.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_file")),
        sa.UniqueConstraint("owner_id", "folded", name="uq_own_file_name"),
    )
    op.create_index(op.f("ix_own_file_owner_id"), "own_file", ["owner_id"], unique=False)
