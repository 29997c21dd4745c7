"""How is an approval document kept? The tables of 결재: the document, its line, its acts, its numbers.

Tables only; what may happen to a document stands in approval.py.
"""

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, String, Table, Text

from daeri.records.record import Instant
from daeri.records.store import system

approval = Table(
    "approval",
    system,
    Column("id", String(40), primary_key=True),
    Column("version", Integer, nullable=False, default=1),
    Column("number", String(40), unique=True),
    Column("operation", String(200), nullable=False),
    Column("operation_digest", String(64), nullable=False),
    Column("status", String(20), nullable=False),
    Column("drafter_id", Integer, nullable=False),
    Column("agent", String(100)),
    Column("scopes", JSON, nullable=False),
    Column("door", String(20), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("worded", JSON, nullable=False),
    Column("preview", JSON, nullable=False),
    Column("rule", String(100), nullable=False),
    Column("because", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("run_id", String(40)),
    Column("question", Text),
    Column("result", JSON),
    Column("result_say", Text),
    Column("failure", JSON),
    Column("drafted_at", Instant, nullable=False),
    Column("completed_at", Instant),
    CheckConstraint(
        "status IN ('in_progress', 'applied', 'rejected', 'withdrawn', 'apply_failed')", name="approval_status"
    ),
)
Index("ix_approval_drafter", approval.c.drafter_id, approval.c.drafted_at)
Index("ix_approval_status", approval.c.status, approval.c.operation)

approval_step = Table(
    "approval_step",
    system,
    Column("approval_id", String(40), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("role", JSON, nullable=False),
    Column("status", String(20), nullable=False),
    Column("decided_at", Instant),
    Column("comment", Text),
    CheckConstraint(
        "status IN ('waiting', 'upcoming', 'approved', 'rejected', 'skipped')", name="approval_step_status"
    ),
)
Index("ix_approval_step_person", approval_step.c.person_id, approval_step.c.status)

approval_act = Table(
    "approval_act",
    system,
    Column("approval_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("act", String(20), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("agent", String(100)),
    Column("at", Instant, nullable=False),
    Column("comment", Text),
    Column("digest", String(64), nullable=False),
)

approval_number = Table(
    "approval_number",
    system,
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)
