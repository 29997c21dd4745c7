"""Was this asked before? Answers kept under an Idempotency-Key for a day, so that what is sent twice acts once.

Kept in the transaction of what they answer: either both are there or neither.
"""

from datetime import datetime, timedelta

from sqlalchemy import JSON, Column, Connection, Integer, PrimaryKeyConstraint, String, Table, delete, insert, select

from daeri.errors import IdempotencyMismatch
from daeri.operations.outcome import Replayed
from daeri.records.record import Instant
from daeri.records.store import system

idempotency = Table(
    "idempotency",
    system,
    Column("person_id", Integer, nullable=False),
    Column("key", String(255), nullable=False),
    Column("request_digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("person_id", "key"),
)

KEY_LIFE = timedelta(days=1)
"""How long an Idempotency-Key is remembered."""


def kept(connection: Connection, person_id: int, key: str, request: str | None = None) -> Replayed | None:
    """Return the answer that stands under a key; `request` is the digest of what is asked now.

    Raises:
        IdempotencyMismatch: something else was asked under this key.
    """
    mine = (idempotency.c.person_id == person_id) & (idempotency.c.key == key)
    row = connection.execute(select(idempotency).where(mine)).one_or_none()
    if row is None:
        return None
    if request is not None and row.request_digest != request:
        raise IdempotencyMismatch
    return Replayed(row.status, row.body)


def keep(connection: Connection, person_id: int, key: str, request: str, answer: Replayed, *, at: datetime) -> None:
    """Keep an answer under a key."""
    connection.execute(
        insert(idempotency).values(
            person_id=person_id,
            key=key,
            request_digest=request,
            status=answer.status,
            body=answer.stored,
            created_at=at,
        )
    )


def forget(connection: Connection, now: datetime) -> None:
    """Drop what was kept for longer than a day."""
    connection.execute(delete(idempotency).where(idempotency.c.created_at < now - KEY_LIFE))
