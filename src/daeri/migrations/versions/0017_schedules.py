"""What agents are asked again and again."""

import sqlalchemy as sa
from alembic import op

import daeri.records.record

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=100), nullable=False),
        sa.Column("request", sa.String(length=2000), nullable=False),
        sa.Column("cron", sa.String(length=100), nullable=False),
        sa.Column("lang", sa.String(length=2), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("next_at", daeri.records.record.Instant(), nullable=True),
        sa.Column("last_at", daeri.records.record.Instant(), nullable=True),
        sa.Column("last_run", sa.String(length=40), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("ended", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedule_next_at", "schedule", ["next_at"], unique=False)
    op.create_index("ix_schedule_person_id", "schedule", ["person_id"], unique=False)
