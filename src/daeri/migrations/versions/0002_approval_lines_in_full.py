"""Approval lines in full."""

import sqlalchemy as sa
from alembic import op

import daeri.records.record

revision = "0002"
down_revision = "0001"

DOCUMENT = ("in_progress", "approved", "applied", "apply_failed", "apply_unknown", "rejected", "withdrawn")
# fmt: off
STEP = (
    "upcoming", "waiting", "held", "approved", "rejected", "opposed", "skipped", "after", "objected", "read",
    "received", "returned", "answered",
)
# fmt: on


def upgrade() -> None:
    """Apply."""
    _create_tables()
    _add_columns()
    _carry_over()
    _widen("approval", "approval_status", "status", DOCUMENT)
    _widen("approval_step", "approval_step_status", "status", STEP)


def _create_tables() -> None:
    op.create_table(
        "absence",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("deputy_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("ends_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("operations", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=False),
        sa.Column("created_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("ended_at", daeri.records.record.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    op.create_index("ix_absence_ends", "absence", ["ends_at"], unique=False)
    op.create_table(
        "approval_draft",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(length=200), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("previous_id", sa.String(length=40), nullable=True),
        sa.Column("updated_at", daeri.records.record.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_draft")),
    )
    op.create_index("ix_approval_draft_person", "approval_draft", ["person_id", "id"], unique=False)
    op.create_table(
        "approval_extra",
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("box", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("approval_id", "position", "person_id", name=op.f("pk_approval_extra")),
    )
    op.create_index("ix_approval_extra_box", "approval_extra", ["person_id", "box", "approval_id"], unique=False)
    op.create_table(
        "approval_series",
        sa.Column("series", sa.String(length=8), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_approval_series")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(length=200), nullable=False),
        sa.Column("operation_digest", sa.String(length=64), nullable=False),
        sa.Column("drafter_id", sa.Integer(), nullable=True),
        sa.Column("agent", sa.String(length=100), nullable=True),
        sa.Column("amount_each", sa.BigInteger(), nullable=True),
        sa.Column("amount_total", sa.BigInteger(), nullable=True),
        sa.Column("count_total", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("starts_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("ends_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("revoked_at", daeri.records.record.Instant(), nullable=True),
        sa.Column("revoked_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_person", "consent", ["person_id", "operation"], unique=False)
    op.create_table(
        "consent_use",
        sa.Column("consent_id", sa.String(length=40), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("at", daeri.records.record.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("consent_id", "approval_id", name=op.f("pk_consent_use")),
    )
    op.create_table(
        "errand",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=True),
        sa.Column("operation", sa.String(length=200), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.Column("intent", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.Column("created_at", daeri.records.record.Instant(), nullable=False),
        sa.Column("called_at", daeri.records.record.Instant(), nullable=True),
        sa.Column("ended_at", daeri.records.record.Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('intended', 'calling', 'done', 'failed', 'unknown')", name=op.f("ck_errand_errand_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errand")),
    )
    op.create_index("ix_errand_approval", "errand", ["approval_id"], unique=False)
    op.create_index("ix_errand_state", "errand", ["state"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", daeri.records.record.Instant(), nullable=False),
        sa.Column("seen_at", daeri.records.record.Instant(), nullable=True),
        sa.Column("sent_at", daeri.records.record.Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_person", "notice", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_notice_unsent",
        "notice",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )


def _add_columns() -> None:
    op.add_column("approval", sa.Column("form", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("approval", sa.Column("line", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("approval", sa.Column("bound", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("approval", sa.Column("provenance", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("approval", sa.Column("bundled", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("approval", sa.Column("previous_id", sa.String(length=40), nullable=True))
    op.add_column("approval", sa.Column("round", sa.Integer(), server_default="1", nullable=False))
    op.add_column("approval", sa.Column("acts", sa.Integer(), server_default="1", nullable=False))
    op.add_column("approval", sa.Column("undoable", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("approval", sa.Column("difference", sa.JSON(), nullable=True))
    op.create_index("ix_approval_drafted", "approval", ["drafter_id", "status", "id"], unique=False)
    op.create_index("uq_approval_previous", "approval", ["previous_id"], unique=True)
    op.add_column("approval_act", sa.Column("detail", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("approval_step", sa.Column("why", sa.JSON(), nullable=True))
    op.add_column("approval_step", sa.Column("needs", sa.String(length=100), nullable=True))
    op.add_column("approval_step", sa.Column("part", sa.String(length=20), server_default="approve", nullable=False))
    op.add_column("approval_step", sa.Column("stage", sa.Integer(), server_default="0", nullable=False))
    op.add_column("approval_step", sa.Column("track", sa.Integer(), server_default="0", nullable=False))
    op.add_column("approval_step", sa.Column("turn", sa.Integer(), server_default="0", nullable=False))
    op.add_column("approval_step", sa.Column("quorum", sa.Integer(), server_default="0", nullable=False))
    op.add_column("approval_step", sa.Column("may_reject", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("approval_step", sa.Column("blocking", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("approval_step", sa.Column("fixed", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("approval_step", sa.Column("delegated", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("approval_step", sa.Column("alone", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("approval_step", sa.Column("team_id", sa.Integer(), nullable=True))
    op.add_column("approval_step", sa.Column("also", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("approval_step", sa.Column("manner", sa.String(length=20), nullable=True))
    op.add_column("approval_step", sa.Column("by_id", sa.Integer(), nullable=True))
    op.add_column("approval_step", sa.Column("box", sa.String(length=10), server_default="", nullable=False))
    op.add_column("approval_step", sa.Column("opened_at", daeri.records.record.Instant(), nullable=True))
    op.add_column("approval_step", sa.Column("due_at", daeri.records.record.Instant(), nullable=True))
    op.create_index("ix_approval_step_box", "approval_step", ["person_id", "box", "approval_id"], unique=False)
    op.create_index(
        "ix_approval_step_due",
        "approval_step",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_audit_approval", "audit", ["approval_id"], unique=False)


def _carry_over() -> None:
    """Give documents that are under way what the engine now keeps: numbers go on, turns stand, boxes are found."""
    op.execute("INSERT INTO approval_series (series, year, last) SELECT 'DR', year, last FROM approval_number")
    op.drop_table("approval_number")
    op.execute("UPDATE approval_step SET stage = position * 100")
    op.execute(
        "UPDATE approval_step SET box = CASE status WHEN 'approved' THEN 'done' WHEN 'rejected' THEN 'rejected' "
        "WHEN 'skipped' THEN '' ELSE status END"
    )
    op.execute("UPDATE approval_step SET manner = 'in_turn' WHERE status IN ('approved', 'rejected')")
    op.execute(
        "UPDATE approval SET acts = (SELECT count(*) FROM approval_act WHERE approval_act.approval_id = approval.id)"
    )


def _widen(table: str, name: str, column: str, values: tuple[str, ...]) -> None:
    """Let a column hold further words: its check is made anew, on SQLite together with the table."""
    check = f"{column} IN ({', '.join(repr(value) for value in values)})"
    constraint = op.f(f"ck_{table}_{name}")
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(constraint, type_="check")
        batch.create_check_constraint(constraint, check)
