"""What happened, and can it be proved? An append-only log whose rows carry each other's hashes.

A row is written in the transaction of the effect it tells of. Row n holds the hash of row n-1, so a change, a
deletion or an insertion anywhere breaks every later row, and `verify` names the first one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, Index, Integer, Row, String, Table, func, insert, select, text

from daeri.canonical import digest
from daeri.clock import rfc3339
from daeri.errors import BrokenChain
from daeri.records.record import Instant
from daeri.records.store import system
from daeri.wording import Text

GENESIS = "0" * 64
BATCH = 5_000

audit = Table(
    "audit",
    system,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("agent", String(100)),
    Column("door", String(20), nullable=False),
    Column("action", String(200), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("records", JSON, nullable=False),
    Column("arguments_digest", String(64)),
    Column("approval_id", String(40)),
    Column("run_id", String(40)),
    Column("step", Integer),
    Column("request_id", String(60), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
Index("ix_audit_person_id", audit.c.person_id, audit.c.seq)
Index(
    "uq_audit_effect_of_approval",
    audit.c.approval_id,
    unique=True,
    sqlite_where=text("outcome = 'applied'"),
    postgresql_where=text("outcome = 'applied'"),
)
"""An approval authorises at most one effect: the database itself refuses a second."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        action: an operation's name, or approval.approve, session.start and the like.
        outcome: done, applied (an approved effect), filed, refused, failed.
        records: the rows it concerned, as [type, id].
    """

    at: datetime
    person_id: int
    agent: str | None
    door: str
    action: str
    outcome: str
    records: list[list[Any]] = field(default_factory=list)
    arguments_digest: str | None = None
    approval_id: str | None = None
    run_id: str | None = None
    step: int | None = None
    request_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def append(connection: Connection, entry: Entry) -> int:
    """Write an entry after the last one, in the caller's transaction; return its sequence number."""
    last = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).one_or_none()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    values = asdict(entry)
    connection.execute(
        insert(audit).values(
            seq=seq, **values, previous_hash=previous, hash=_hash(seq, previous, {**values, "at": rfc3339(entry.at)})
        )
    )
    return seq


def verify(connection: Connection, progress: Callable[[int, int], None] | None = None) -> int:
    """Check the whole chain and return its length.

    Raises:
        BrokenChain: names the first row that was changed, removed or inserted.
    """
    total = connection.execute(select(func.count()).select_from(audit)).scalar_one()
    expected, previous = 1, GENESIS
    for row in _rows(connection):
        _check(row, expected, previous)
        expected, previous = expected + 1, row.hash
        if progress is not None and expected % BATCH == 0:
            progress(expected, total)
    if progress is not None:
        progress(total, total)
    return int(total)


def recent(connection: Connection, limit: int = 50, before: int | None = None) -> list[dict[str, Any]]:
    """Return the newest entries, newest first, as plain values."""
    statement = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if before is not None:
        statement = statement.where(audit.c.seq < before)
    return [dict(row._mapping) | {"at": rfc3339(row.at)} for row in connection.execute(statement)]  # noqa: SLF001 - public, despite its name


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    yield from connection.execute(select(audit).order_by(audit.c.seq)).yield_per(BATCH)


def _check(row: Row[Any], expected: int, previous: str) -> None:
    told = {"at": _when(row.at), "action": row.action, "person_id": row.person_id, "agent": row.agent}
    if row.seq != expected:
        raise BrokenChain(expected, Text("이 번호의 기록이 없어요", "the row of this number is missing"), told)
    if row.previous_hash != previous:
        raise BrokenChain(row.seq, Text("앞 기록과 이어지지 않아요", "it does not follow the row before"), told)
    values = {column.name: getattr(row, column.name) for column in audit.columns}
    for name in ("seq", "previous_hash", "hash"):
        values.pop(name)
    if _hash(row.seq, previous, {**values, "at": _when(row.at)}) != row.hash:
        raise BrokenChain(row.seq, Text("기록의 내용이 바뀌었어요", "its content was changed"), told)


def _when(at: Any) -> str:
    return rfc3339(at) if isinstance(at, datetime) else str(at)


def _hash(seq: int, previous: str, values: Mapping[str, Any]) -> str:
    return digest({"seq": seq, "previous_hash": previous, **values})
