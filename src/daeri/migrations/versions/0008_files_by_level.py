"""files by level: the rule of who sees files picks by it."""

from alembic import op

revision = "0008"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_company_file_level"), "company_file", ["level"], unique=False)
