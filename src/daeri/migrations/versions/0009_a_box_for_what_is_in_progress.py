"""a box for what is in progress."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Move what people decided on out of their box of finished documents, where the document is not finished."""
    op.execute(
        "UPDATE approval_step SET box = 'progress' WHERE box = 'done' AND part IN ('approve', 'review', 'agree') "
        "AND approval_id IN (SELECT id FROM approval WHERE status = 'in_progress')"
    )
    op.execute(
        "UPDATE approval_extra SET box = 'progress' WHERE box = 'done' "
        "AND approval_id IN (SELECT id FROM approval WHERE status = 'in_progress')"
    )
