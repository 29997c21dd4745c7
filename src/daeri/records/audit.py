"""What happened, and can it be proved? An append-only log whose rows carry each other's hashes.

A row is written in the transaction of the effect it tells of; that of a read, before its answer leaves. Row n holds
the hash of row n-1, so a change, a deletion or an insertion anywhere breaks every later row, and `verify` names the
first one. How a chain is checked stands in `verify_audit.py`, which needs nothing else of Daeri.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
)

from daeri.errors import BrokenChain
from daeri.log import bound
from daeri.records.actor import Actor
from daeri.records.portable import AUDIT_HEAD, hold
from daeri.records.prepared import Constant, Insert
from daeri.records.store import system
from daeri.verify_audit import COLUMNS, GENESIS, REASONS, Broken, Notes, Verifier, row_hash
from daeri.wording import Text

BATCH = 5_000
ROLES_FOLLOW: Final = "roles.follow"
"""A person's roles became those that the identity provider gives them."""
SYSTEM_DOOR: Final = "system"
"""The door of rows that Daeri writes of its own accord: signed notes of the head, keys, prunings."""

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


class Entry(NamedTuple):
    """One thing that happened.

    Attributes:
        credential: the key or session that was used; "" where the server acts on a person's earlier request.
        action: an operation's name, or approval.approve, session.start and the like.
        outcome: done, applied (an approved effect), filed, tried (a dry run), leaving (a request goes out to a host),
            replayed, refused, failed.
        records: the rows it concerned, as [type, id] or, of many, [type, {"from": id, "to": id}] (see ranges.py).
        detail: what else is known, never a field's value: `rows` (how many), `personal` (which personal fields were
            read), `people` (whose they are, written like the ids of `records`), `masked` (what was left out), `wrote`
            (what became of which row), `from` (the client's address), and what single actions add.
    """

    at: datetime
    person_id: int
    agent: str | None
    door: str
    action: str
    outcome: str
    records: Sequence[Sequence[Any]] = ()
    arguments_digest: str | None = None
    approval_id: str | None = None
    run_id: str | None = None
    step: int | None = None
    request_id: str = ""
    credential: str = ""
    detail: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def by(cls, actor: Actor, at: datetime, action: str, outcome: str = "done", **more: Any) -> "Entry":
        """Return an entry for what an actor did in the present request."""
        more |= {"agent": actor.agent, "credential": actor.credential}
        return cls.of(actor.person_id, actor.door, at, action, outcome=outcome, **more)

    @classmethod
    def of(cls, person_id: int, door: str, at: datetime, action: str, **more: Any) -> "Entry":
        """Return an entry for what someone who is not an actor (yet) did in the present request."""
        request = bound()
        if "client" in request:
            more["detail"] = {"from": request["client"], **more.get("detail", {})}
        told = {"agent": None, "outcome": "done", "request_id": request.get("request_id", "")} | more
        return cls(at=at, person_id=person_id, door=door, action=action, **told)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a chain that verifies shows.

    Attributes:
        first, last: the rows it holds; those before `first` were pruned.
        hash: the last row's.
        noted: the last row that a signed note covers; 0 where none does.
        keys: the public keys that signed, by their ids, oldest first.
    """

    first: int
    last: int
    hash: str
    noted: int
    keys: Mapping[str, str]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.last - self.first + 1 if self.last else 0


_LAST = Constant(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
_INSERT = Insert(audit, audit.columns.keys())
_TELLS_OF_A_CHANGE = or_(audit.c.detail.contains('"wrote"'), audit.c.action == ROLES_FOLLOW)
_CHANGED = Constant(
    select(
        func.max(audit.c.seq).label("head"), func.max(case((_TELLS_OF_A_CHANGE, audit.c.seq))).label("changed")
    ).where(audit.c.seq > bindparam("since")),
    "since",
)
_ROWS = select(audit).order_by(audit.c.seq.desc())
About = Callable[[int, str], Mapping[str, Any]]
"""Tells an entry's detail from the number and the hash of the row before it."""


def append(connection: Connection, entry: Entry, about: About | None = None) -> int:
    """Write an entry after the last one, in the caller's transaction; return its sequence number.

    The next entry has to wait until this transaction ends, so this is best the last thing it does.
    """
    return append_all(connection, [entry], about)


def append_all(connection: Connection, entries: Sequence[Entry], about: About | None = None) -> int:
    """Write entries after the last one, in the caller's transaction; return the last one's sequence number."""
    hold(connection, AUDIT_HEAD)
    last = _LAST.one(connection)
    seq, previous = (last.seq, last.hash) if last else (0, GENESIS)
    rows = []
    for entry in entries:
        detail = entry.detail if about is None else {**entry.detail, **about(seq, previous)}
        row = entry._asdict()
        row |= {"at": entry.at.isoformat(), "records": _json(entry.records), "detail": _json(dict(detail))}
        seq += 1
        row |= {"seq": seq, "previous_hash": previous}
        row["hash"] = previous = row_hash(row)
        rows.append(row)
    _INSERT.run(connection, rows)
    return seq


def changed_since(connection: Connection, seq: int | None) -> tuple[int, int]:
    """Return the last entry's number, and that of the last one after `seq` that tells of a change to records.

    Where none tells of one it is `seq` itself; without `seq` nothing is looked for, and both are the last entry's.
    """
    if seq is None:
        last = _LAST.one(connection)
        return (last.seq, last.seq) if last else (0, 0)
    row = _CHANGED.one(connection, since=seq)
    return (row.head or seq, row.changed or seq) if row is not None else (seq, seq)


def verify(
    connection: Connection,
    progress: Callable[[int, int], None] | None = None,
    *,
    key: str | None = None,
    notes: Iterable[Notes] = (),
) -> Proof:
    """Check the whole chain.

    Args:
        connection: to the database that holds the chain.
        progress: told how many rows of how many are checked.
        key: the public key to trust; without one, those that the chain itself names.
        notes: what was noted outside the database.

    Raises:
        BrokenChain: names the first row that was changed, removed or inserted.
    """
    total = int(connection.execute(select(func.count()).select_from(audit)).scalar_one())
    verifier, seen = Verifier(key, notes), 0
    try:
        for row in raw_rows(connection):
            verifier.take(row)
            seen += 1
            if progress is not None and seen % BATCH == 0:
                progress(seen, total)
        verifier.finish(whole=True)
    except Broken as broken:
        raise broken_chain(broken) from None
    if progress is not None:
        progress(total, total)
    return Proof(verifier.first, verifier.last, verifier.hash, verifier.noted, verifier.keys)


def broken_chain(broken: Broken) -> BrokenChain:
    """Word what the verifier found for people."""
    told = {name: broken.row.get(name) for name in ("at", "action", "person_id", "agent")}
    return BrokenChain(broken.seq, Text(_KOREAN[broken.code], REASONS[broken.code]), told)


_KOREAN: Final[Mapping[str, str]] = {
    "number": "이 번호의 기록이 빠졌거나, 없던 기록이 끼어들었어요",
    "link": "앞 기록과 이어지지 않아요",
    "content": "기록의 내용이 바뀌었어요",
    "noted": "밖에 적어 둔 해시와 달라요. 이 기록이나, 그 앞 서명 뒤의 기록이 다시 쓰였어요",
    "cut": "여기부터 기록이 잘려 나갔거나 새로 쓰였어요",
    "signature": "서명이 맞지 않아요",
    "key": "앞의 키가 넘겨주지 않은 키로 서명했어요",
    "unsigned": "이 키로 서명한 것이 없어요",
    "file": "밖에 적어 둔 파일에서 이 기록의 서명이 빠졌거나 바뀌었어요",
    "frame": "내보낸 파일의 머리나 끝이 바뀌었어요",
}


def recent(connection: Connection, limit: int = 50, before: int | None = None) -> list[dict[str, Any]]:
    """Return the newest entries, newest first, as plain values."""
    statement = _ROWS.limit(limit) if before is None else _ROWS.where(audit.c.seq < before).limit(limit)
    return [plain(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - public, despite its name


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with its records and detail as values."""
    return {**row, "records": json.loads(row["records"]), "detail": json.loads(row["detail"])}


def raw_rows(connection: Connection, first: int = 0, last: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield rows as the database has them: nothing is read into a type that a forged cell could break."""
    bounds = f"seq >= {int(first)}" + ("" if last is None else f" AND seq <= {int(last)}")
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    statement = f"SELECT {columns} FROM audit WHERE {bounds} ORDER BY seq"  # noqa: S608 - our own names
    batches = {"yield_per": BATCH}
    with _forgiving(connection), connection.exec_driver_sql(statement, execution_options=batches) as rows:
        for row in rows:
            yield dict(zip(COLUMNS, row, strict=True))


@contextmanager
def _forgiving(connection: Connection) -> Iterator[None]:
    """Let text that is no UTF-8 be read: nothing that was written is, so it is a finding and not a failure."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    before, driver.text_factory = driver.text_factory, lambda data: data.decode(errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before


_json: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
