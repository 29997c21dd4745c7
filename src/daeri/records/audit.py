"""What happened, and can it be proved? An append-only log whose rows carry each other's hashes.

A row is written in the transaction of the effect it tells of. Row n holds the hash of row n-1, so a change, a
deletion or an insertion anywhere breaks every later row, and `verify` names the first one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Column, Connection, Index, Integer, String, Table, func, insert, select, text

from daeri.errors import BrokenChain
from daeri.records.actor import Actor
from daeri.records.portable import AUDIT_HEAD, hold
from daeri.records.prepared import Constant
from daeri.records.store import system
from daeri.wording import Text

GENESIS = "0" * 64
BATCH = 5_000

audit = Table(
    "audit",
    system,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("agent", String(100)),
    Column("door", String(20), nullable=False),
    Column("credential", String(60), nullable=False),
    Column("action", String(200), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("records", String, nullable=False),
    Column("arguments_digest", String(64)),
    Column("approval_id", String(40)),
    Column("run_id", String(40)),
    Column("step", Integer),
    Column("request_id", String(60), nullable=False),
    Column("detail", String, nullable=False),
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
Index("ix_audit_approval", audit.c.approval_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        credential: the key or session that was used; "" where the server acts on a person's earlier request.
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
    credential: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def by(cls, actor: Actor, at: datetime, action: str, outcome: str = "done", **more: Any) -> "Entry":
        """Return an entry for what an actor did in the present request."""
        return cls(
            at=at,
            person_id=actor.person_id,
            agent=actor.agent,
            door=actor.door,
            action=action,
            outcome=outcome,
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
            credential=actor.credential,
            **more,
        )


_NAMES = tuple(field.name for field in fields(Entry))
_LAST = Constant(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
_INSERT = Constant(insert(audit), *audit.columns.keys())


def append(connection: Connection, entry: Entry) -> int:
    """Write an entry after the last one, in the caller's transaction; return its sequence number.

    The next entry has to wait until this transaction ends, so this is best the last thing it does.
    """
    hold(connection, AUDIT_HEAD)
    last = _LAST.one(connection)
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    row = {name: getattr(entry, name) for name in _NAMES}
    row |= {"at": entry.at.isoformat(), "records": _json(entry.records), "detail": _json(dict(entry.detail))}
    row |= {"seq": seq, "previous_hash": previous}
    _INSERT.run(connection, **row, hash=_hash(row))
    return seq


def verify(
    connection: Connection,
    progress: Callable[[int, int], None] | None = None,
    anchors: Mapping[int, str] | None = None,
) -> int:
    """Check the whole chain and return its length.

    Args:
        connection: to the database that holds the chain.
        progress: told how many rows of how many are checked.
        anchors: hashes by row number that were noted outside the database.

    Raises:
        BrokenChain: names the first row that was changed, removed or inserted.
    """
    total = int(connection.execute(select(func.count()).select_from(audit)).scalar_one())
    expected, previous = 1, GENESIS
    noted = anchors or {}
    for row in _raw_rows(connection):
        _check(row, expected, previous)
        if noted.get(expected, row["hash"]) != row["hash"]:
            rewritten = Text(
                "밖에 적어 둔 해시와 달라요", "it is not the row whose hash was noted outside the database"
            )
            raise BrokenChain(expected, rewritten, _told(row))
        expected, previous = expected + 1, row["hash"]
        if progress is not None and expected % BATCH == 0:
            progress(expected, total)
    if max(noted, default=0) > total:
        cut = Text("여기부터 기록이 잘려 나갔어요", "the rows from here on were cut off")
        raise BrokenChain(expected, cut, dict.fromkeys(("at", "action", "person_id", "agent")))
    if progress is not None:
        progress(total, total)
    return total


def recent(connection: Connection, limit: int = 50, before: int | None = None) -> list[dict[str, Any]]:
    """Return the newest entries, newest first, as plain values."""
    statement = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if before is not None:
        statement = statement.where(audit.c.seq < before)
    rows = [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - public, despite its name
    return [row | {"records": json.loads(row["records"]), "detail": json.loads(row["detail"])} for row in rows]


def _raw_rows(connection: Connection) -> Iterator[dict[str, Any]]:
    """Yield the rows as the database has them: nothing is read into a type that a forged cell could break."""
    names = ", ".join(f'"{column.name}"' for column in audit.columns)
    statement = f"SELECT {names} FROM audit ORDER BY seq"  # noqa: S608 - our own names
    for row in connection.exec_driver_sql(statement, execution_options={"yield_per": BATCH}):
        yield dict(zip(audit.columns.keys(), row, strict=True))


def _check(row: dict[str, Any], expected: int, previous: str) -> None:
    told = _told(row)
    if row["seq"] != expected:
        raise BrokenChain(expected, Text("이 번호의 기록이 없어요", "the row of this number is missing"), told)
    if row["previous_hash"] != previous:
        raise BrokenChain(expected, Text("앞 기록과 이어지지 않아요", "it does not follow the row before"), told)
    sealed = {name: value for name, value in row.items() if name != "hash"}
    try:
        fits = _hash(sealed) == row["hash"]
    except TypeError:  # a cell holds bytes, which no row that was written here does
        fits = False
    if not fits:
        raise BrokenChain(expected, Text("기록의 내용이 바뀌었어요", "its content was changed"), told)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("at", "action", "person_id", "agent")}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _hash(row: Mapping[str, Any]) -> str:
    """Hash exactly what is stored, character by character: no normal form that a look-alike could share."""
    return hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
