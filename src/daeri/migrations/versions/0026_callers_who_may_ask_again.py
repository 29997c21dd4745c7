"""Callers: who is there to hear of a run, where its client asks again by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "caller",
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("credential", sa.String(60), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("heard_by", sa.String(40), nullable=False),
        sa.Column("left_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_caller")),
    )
    op.create_index("ix_caller_digest", "caller", ["person_id", "digest"])
    op.create_index("ix_caller_left", "caller", ["left_at"])
