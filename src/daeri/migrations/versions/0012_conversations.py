"""Conversations, and what agents remember of people."""

import sqlalchemy as sa
from alembic import op

import daeri.records.record

revision = "0012"
down_revision = "0011"

FROM_RUNS = """
INSERT INTO conversation (id, person_id, agent, title, created_at, used_at)
SELECT first.session_id, first.person_id, first.agent, substr(trim(first.input), 1, 40), first.created_at, (
    SELECT max(created_at) FROM run WHERE run.session_id = first.session_id
)
FROM run AS first
WHERE first.id = (SELECT min(id) FROM run WHERE run.session_id = first.session_id) AND first.agent <> 'library'
"""
"""Runs from before are called by their first request; what the library carries out is nobody's conversation."""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("forked_from", sa.String(length=40), nullable=True),
        sa.Column("created_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("used_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("deleted_at", daeri.records.record.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
    )
    op.create_index("ix_conversation_person", "conversation", ["person_id", "used_at"], unique=False)
    op.add_column("run", sa.Column("rank", sa.Integer(), server_default="0", nullable=False))
    op.add_column("run", sa.Column("replaced_by", sa.String(length=40), nullable=True))
    op.add_column("run", sa.Column("copied_from", sa.String(length=40), nullable=True))
    op.execute(FROM_RUNS)
    op.create_table(
        "memory",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("proposed_by", sa.String(length=100), nullable=True),
        sa.Column("changed_at", daeri.records.record.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memory")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_memory_person_id", "memory", ["person_id"], unique=False)
