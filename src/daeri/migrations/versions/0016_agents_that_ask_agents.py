"""Agents that ask agents."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

STATUSES = (
    "queued",
    "running",
    "waiting_approval",
    "waiting_input",
    "waiting_run",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
)


def upgrade() -> None:
    """Apply."""
    op.add_column("run", sa.Column("parent_id", sa.String(length=40), nullable=True))
    op.add_column("run", sa.Column("parent_step", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("asked_by", sa.JSON(), nullable=True))
    op.create_index("ix_run_parent", "run", ["parent_id"], unique=False)
    check = f"status IN ({', '.join(repr(status) for status in STATUSES)})"
    constraint = op.f("ck_run_run_status")
    with op.batch_alter_table("run") as batch:
        batch.drop_constraint(constraint, type_="check")
        batch.create_check_constraint(constraint, check)
