"""what models were used."""

import sqlalchemy as sa
from alembic import op

import daeri.records.record

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Begin the account of uses; what was used before stands in the audit and with the runs."""
    op.create_table(
        "model_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", daeri.records.record.Instant(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("agent", sa.String(length=100), nullable=True),
        sa.Column("credential", sa.String(length=100), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_use")),
    )
    op.create_index("ix_model_use_day", "model_use", ["day"])
    op.create_index("ix_model_use_person", "model_use", ["person_id", "day"])
