"""How is an approval document kept? The tables of 결재: documents, lines, acts, numbers, and what stands beside them.

Tables only; what may happen to a document stands in deciding/machine.py. `approval_act` is append-only and the truth:
`approval_step` and the state columns of `approval` are what follows from it, kept for lists and turns.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
    true,
)

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
    Column("beside", JSON, nullable=False, server_default="[]"),
    Column("scopes", JSON, nullable=False),
    Column("credential", String(60)),
    Column("door", String(20), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("worded", JSON, nullable=False),
    Column("preview", JSON, nullable=False),
    Column("rule", String(100), nullable=False),
    Column("because", JSON, nullable=False),
    Column("form", JSON, nullable=False, server_default="{}"),
    Column("line", JSON, nullable=False, server_default="[]"),
    Column("bound", JSON, nullable=False, server_default="[]"),
    Column("classes", JSON),
    Column("provenance", JSON, nullable=False, server_default="{}"),
    Column("bundled", JSON, nullable=False, server_default="[]"),
    Column("digest", String(64), nullable=False),
    Column("previous_id", String(40)),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("acts", Integer, nullable=False, server_default="1"),
    Column("undoable", JSON, nullable=False, server_default="[]"),
    Column("run_id", String(40)),
    Column("question", Text),
    Column("result", JSON),
    Column("result_say", Text),
    Column("failure", JSON),
    Column("difference", JSON),
    Column("drafted_at", Instant, nullable=False),
    Column("completed_at", Instant),
    CheckConstraint(
        "status IN ('in_progress', 'approved', 'applied', 'apply_failed', 'apply_unknown', 'rejected', 'withdrawn')",
        name="approval_status",
    ),
)
Index("ix_approval_drafter", approval.c.drafter_id, approval.c.drafted_at)
Index("ix_approval_drafted", approval.c.drafter_id, approval.c.status, approval.c.id)
Index("ix_approval_status", approval.c.status, approval.c.operation)
Index("uq_approval_previous", approval.c.previous_id, unique=True)
"""A document is drafted anew once; the next round starts from the newest."""

approval_step = Table(
    "approval_step",
    system,
    Column("approval_id", String(40), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("role", JSON, nullable=False),
    Column("why", JSON),
    Column("needs", String(100)),
    Column("part", String(20), nullable=False, server_default="approve"),
    Column("stage", Integer, nullable=False, server_default="0"),
    Column("track", Integer, nullable=False, server_default="0"),
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("quorum", Integer, nullable=False, server_default="0"),
    Column("may_reject", Boolean, nullable=False, server_default=true()),
    Column("blocking", Boolean, nullable=False, server_default=true()),
    Column("fixed", Boolean, nullable=False, server_default=true()),
    Column("delegated", Boolean, nullable=False, server_default=false()),
    Column("alone", Boolean, nullable=False, server_default=false()),
    Column("team_id", Integer),
    Column("also", JSON, nullable=False, server_default="[]"),
    Column("status", String(20), nullable=False),
    Column("manner", String(20)),
    Column("by_id", Integer),
    Column("box", String(10), nullable=False, server_default=""),
    Column("opened_at", Instant),
    Column("due_at", Instant),
    Column("decided_at", Instant),
    Column("comment", Text),
    CheckConstraint(
        "status IN ('upcoming', 'waiting', 'held', 'approved', 'rejected', 'opposed', 'skipped', 'after', 'objected', "
        "'read', 'received', 'returned', 'answered')",
        name="approval_step_status",
    ),
)
Index("ix_approval_step_person", approval_step.c.person_id, approval_step.c.status)
Index("ix_approval_step_box", approval_step.c.person_id, approval_step.c.box, approval_step.c.approval_id)
Index(
    "ix_approval_step_due",
    approval_step.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)

approval_extra = Table(
    "approval_extra",
    system,
    Column("approval_id", String(40), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("person_id", Integer, primary_key=True),
    Column("box", String(10), nullable=False),
)
"""People besides its holder to whom a seat has come up: they find the document in their boxes too."""
Index("ix_approval_extra_box", approval_extra.c.person_id, approval_extra.c.box, approval_extra.c.approval_id)

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
    Column("detail", JSON, nullable=False, server_default="{}"),
    Column("digest", String(64), nullable=False),
)

approval_series = Table(
    "approval_series",
    system,
    Column("series", String(8), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""Document numbers (문서번호) of each form and year: taken in the completing transaction, so without gaps."""

approval_draft = Table(
    "approval_draft",
    system,
    Column("id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("operation", String(200), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("previous_id", String(40)),
    Column("updated_at", Instant, nullable=False),
)
"""What people save before they file it (임시저장): unchecked, and nobody else's."""
Index("ix_approval_draft_person", approval_draft.c.person_id, approval_draft.c.id)

absence = Table(
    "absence",
    system,
    Column("id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("deputy_id", Integer, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("operations", JSON),
    Column("reason", Text, nullable=False, server_default=""),
    Column("set_by", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
"""부재 설정: who decides for whom (대결), from when to when, for which operations (None = all)."""
Index("ix_absence_ends", absence.c.ends_at)

consent = Table(
    "consent",
    system,
    Column("id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("operation", String(200), nullable=False),
    Column("operation_digest", String(64), nullable=False),
    Column("drafter_id", Integer),
    Column("agent", String(100)),
    Column("amount_each", BigInteger),
    Column("amount_total", BigInteger),
    Column("count_total", Integer, nullable=False),
    Column("rows_total", Integer),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Integer),
)
"""Standing consents: what a person who decides lets pass within limits, until when."""
Index("ix_consent_person", consent.c.person_id, consent.c.operation)

consent_use = Table(
    "consent_use",
    system,
    Column("consent_id", String(40), primary_key=True),
    Column("approval_id", String(40), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

errand = Table(
    "errand",
    system,
    Column("id", String(40), primary_key=True),
    Column("approval_id", String(40)),
    Column("operation", String(200), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("run_id", String(40)),
    Column("intent", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("outcome", JSON),
    Column("created_at", Instant, nullable=False),
    Column("called_at", Instant),
    Column("ended_at", Instant),
    CheckConstraint("state IN ('intended', 'calling', 'done', 'failed', 'unknown')", name="errand_state"),
)
"""Effects outside the database: the intent is written before the call, and what became of it after."""
Index("ix_errand_state", errand.c.state)
Index("ix_errand_approval", errand.c.approval_id)

notice = Table(
    "notice",
    system,
    Column("id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("approval_id", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("seen_at", Instant),
    Column("sent_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
)
"""Whom to tell what, written with the act that causes it: the outbox of mail and webhooks reads it."""
Index("ix_notice_person", notice.c.person_id, notice.c.id)
Index("ix_notice_unsent", notice.c.id, sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL"))
