"""What proves the end of the audit chain? Signed notes of its head, in the chain itself and in files outside it.

A chain alone cannot show that its tail was cut off, or that it was rewritten from some row to its end. A note says
"row n had this hash", signed. It is the next row of the chain, and a line in a file beside the database; a second file
may lie where the database's keeper cannot write.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Connection, and_, select

from daeri.clock import Clock, rfc3339
from daeri.errors import BrokenChain, NotReady
from daeri.records import audit
from daeri.records.signing import AuditKey
from daeri.records.store import Store
from daeri.verify_audit import CHECKPOINT, KEY, PRUNE, key_id, read_notes
from daeri.wording import Text

ANCHOR_SECONDS = 60
"""How often the head is noted: what is younger than this could be cut off unseen."""
WINDOW: Final = 2_000
"""Rows that are looked through at first for the last note; the next look takes twice as many."""
TAIL: Final = 65_536
"""Bytes at the end of a file of notes in which the last one is looked for."""
SETTLING: Final = 0.5
"""Seconds after which the files of notes are looked at again: a server may be about to write the last one."""
NEXT: Final = ".next"
"""The end of the name under which a new key lies until the chain has handed on to it."""

_log = structlog.get_logger(__name__)
_rows = audit.audit.c


class Anchors:
    """The notes of one chain, and the key that signs them."""

    def __init__(self, store: Store, clock: Clock, key_file: Path, files: Sequence[Path]) -> None:
        """Take the database with the chain, the clock, the key's file, and the files of notes."""
        self._store = store
        self._clock = clock
        self._key_file = key_file
        self.files = files
        self._key: AuditKey | None = None
        self.noting = True

    async def is_noting(self) -> bool:
        """Say whether the last note that was due could be taken."""
        return self.noting

    @property
    def public(self) -> str | None:
        """The public key beside the data; None where there is none yet."""
        key = self._key or AuditKey.read(self._key_file)
        return None if key is None else key.public

    @property
    def key_id(self) -> str | None:
        """The name of that key: its hash."""
        return None if self.public is None else key_id(self.public)

    def last(self) -> dict[str, Any] | None:
        """Return the last note in the file beside the database."""
        return last_note(self.files[0])

    async def open(self) -> None:
        """Take the key up, or make the first one, and note the head.

        Raises:
            NotReady: the chain was signed by a key that is not here, or it is not the chain that was noted last.
        """
        self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._store.write(self._take_up)
        noted = last_note(self.files[0])
        if noted is not None and not await self._store.read(lambda connection: _holds(connection, noted)):
            file = self.files[0]
            raise NotReady(
                Text(
                    f"데이터베이스가 {file}에 적어 둔 것과 달라요. 더 새로운 백업이 있으면 되돌리고, 옛 백업을 "
                    "쓰기로 했다면 daeri audit accept 로 남겨 주세요.",
                    f"The database is not the one noted in {file}. Restore a newer backup or, if an older one is to be "
                    "used, have that on record: daeri audit accept.",
                )
            )
        await self.note()

    async def keep(self) -> None:
        """Note the head again and again, until cancelled; one that fails is told of and tried again."""
        while True:
            await asyncio.sleep(ANCHOR_SECONDS)
            try:
                await self.note()
            except (NotReady, OSError) as error:
                self.noting = False
                _log.error("audit.not_noted", reason=str(error))

    async def note(self) -> None:
        """Note the head, unless it is a note itself, and bring the files up to date.

        Raises:
            NotReady, OSError: it could not be signed, or not written beside the database; a further file may be away.
        """
        await self._store.write(self._note)
        for path in self.files:
            try:
                noted = last_note(path)
                after = 0 if noted is None else int(noted["seq"])
                await asyncio.to_thread(add_notes, path, await self._store.read(partial(notes_after, seq=after)))
            except OSError as error:
                if path == self.files[0]:
                    raise
                _log.error("audit.copy_not_written", path=str(path), reason=str(error))
        self.noting = True

    async def accept(self) -> list[Path]:
        """Go on with a chain that is not the one noted last, and have that on record; return where the notes went."""
        noted, now = last_note(self.files[0]), self._clock.now()

        def record(connection: Connection) -> None:
            detail = {} if noted is None else {"noted": noted["seq"], "hash": noted["hash"]}
            audit.append(connection, self._entry("audit.accept", detail))

        await self._store.write(record)
        moved = [path.rename(path.with_name(f"{path.name}.{now:%Y%m%d%H%M%S}")) for path in self.files if path.exists()]
        await self.open()
        return moved

    async def rotate(self, *, lost: bool = False) -> AuditKey:
        """Hand on to a new key, which the present one signs; `lost` says that there is none any more.

        Raises:
            NotReady: the present key is not here, and was not said to be lost.
        """
        following = self._key_file.with_name(self._key_file.name + NEXT)
        following.unlink(missing_ok=True)
        new = AuditKey.made(following)

        def hand_on(connection: Connection) -> None:
            if not lost:
                self._take_up(connection)
                self._note(connection)
            self._introduce(connection, new, None if lost else self._key, lost=lost)
            self._key = new
            self._note(connection)

        await self._store.write(hand_on)
        if lost and self._key_file.exists():
            self._key_file.rename(self._key_file.with_name(f"{self._key_file.name}.{new.id[:8]}.before"))
        following.rename(self._key_file)
        await self.note()
        return new

    def signer(self, connection: Connection) -> AuditKey:
        """Return the key that the chain was last signed with, or handed on to.

        Raises:
            NotReady: it is not here.
        """
        present = last_key(connection)
        if self._key is None or self._key.id != present:
            self._key = self._found(present)
        return self._key

    def _take_up(self, connection: Connection) -> None:
        if last_key(connection) is not None:
            self.signer(connection)
            return
        self._key = AuditKey.read(self._key_file) or AuditKey.made(self._key_file)
        self._introduce(connection, self._key, None, lost=False)

    def _found(self, wanted: str | None) -> AuditKey:
        """Return the key of an id from its file; one that a crash left under its first name is moved to its place."""
        following = self._key_file.with_name(self._key_file.name + NEXT)
        for path in (self._key_file, following):
            key = AuditKey.read(path)
            if key is not None and key.id == wanted:
                path.replace(self._key_file)
                return key
        raise NotReady(
            Text(
                f"감사 기록에 서명하던 키가 {self._key_file}에 없어요. 백업에서 되돌리거나, 잃어버렸다면 "
                "daeri audit key --replace-lost 로 새 키를 만들어 주세요.",
                f"The key that signed the audit is not in {self._key_file}. Restore it from a backup or, if it is "
                "lost, make a new one: daeri audit key --replace-lost.",
            )
        )

    def _note(self, connection: Connection) -> None:
        if not connection.execute(_UNNOTED).first():
            return
        key, now = self.signer(connection), self._clock.now()

        def note(seq: int, row_hash: str) -> Mapping[str, Any]:
            return {"note": key.signed("note", {"seq": seq, "hash": row_hash, "at": rfc3339(now)})}

        audit.append(connection, self._entry(CHECKPOINT), note)

    def _introduce(self, connection: Connection, new: AuditKey, by: AuditKey | None, *, lost: bool) -> None:
        def handing(_: int, row_hash: str) -> Mapping[str, Any]:
            told = {"public": new.public, "previous_hash": row_hash, "lost": lost}
            signed = {**told, "key": None, "signature": None} if by is None else by.signed("key", told)
            del signed["previous_hash"]  # it stands in the row itself
            return signed

        audit.append(connection, self._entry(KEY), handing)

    def _entry(self, action: str, detail: Mapping[str, Any] | None = None) -> audit.Entry:
        return audit.Entry(self._clock.now(), 0, None, audit.SYSTEM_DOOR, action, "done", detail=detail or {})


async def prove(
    store: Store, files: Sequence[Path], key: str | None = None, progress: Callable[[int, int], None] | None = None
) -> audit.Proof:
    """Check a whole chain against its files of notes: the first holds every note, the others from some note on.

    Args:
        store: the database that holds the chain.
        files: the files of notes; without any, the chain alone is checked.
        key: the public key to trust; without one, those that the chain itself names.
        progress: told how many rows of how many are checked.

    Raises:
        BrokenChain: names the first bad row.
    """
    while True:
        texts = [_text(path) for path in files]

        def check(connection: Connection, texts: Sequence[str] = tuple(texts)) -> audit.Proof:
            notes = [read_notes(text, whole=number == 0) for number, text in enumerate(texts)]
            return audit.verify(connection, progress, key=key, notes=notes)

        try:
            return await store.read(check)
        except BrokenChain:
            await asyncio.sleep(SETTLING)
            if [_text(path) for path in files] == texts:
                raise  # else a server has noted its head in the meantime


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


_OURS = and_(_rows.door == audit.SYSTEM_DOOR, _rows.action.in_((CHECKPOINT, KEY, PRUNE)))
_HEAD = select(_rows.seq).order_by(_rows.seq.desc()).limit(1)
_UNNOTED = select(_rows.seq).where(
    _rows.seq == _HEAD.scalar_subquery(), (_rows.action != CHECKPOINT) | (_rows.door != audit.SYSTEM_DOOR)
)


def last_key(connection: Connection) -> str | None:
    """Return the id of the key that the chain was last signed with or handed on to; None where there is none yet."""
    row = _newest(connection, _OURS)
    if row is None:
        return None
    detail = json.loads(row.detail)
    return key_id(detail["public"]) if row.action == KEY else str(detail.get("note", detail)["key"])


def last_noted(connection: Connection) -> int:
    """Return the last row that a signed note in the chain covers; 0 where there is none."""
    row = _newest(connection, and_(_OURS, _rows.action == CHECKPOINT))
    return 0 if row is None else int(row.seq) - 1


def _newest(connection: Connection, condition: ColumnElement[bool]) -> Any:
    """Return the last row that fits; it is near the end, and no index serves the search."""
    window, above = WINDOW, (connection.execute(_HEAD).scalar_one_or_none() or 0) + 1
    while above > 0:
        below = max(0, above - window)
        statement = select(_rows.seq, _rows.action, _rows.detail).where(_rows.seq >= below, _rows.seq < above)
        row = connection.execute(statement.where(condition).order_by(_rows.seq.desc()).limit(1)).one_or_none()
        if row is not None:
            return row
        window, above = window * 2, below
    return None


def handed_on(connection: Connection, before: int | None = None) -> list[dict[str, Any]]:
    """Return how the chain came to its keys, oldest first, or to those that it had `before` a row."""
    columns = (_rows.action, _rows.detail, _rows.previous_hash)
    statement = select(*columns).where(_OURS, _rows.action != CHECKPOINT).order_by(_rows.seq)
    if before is not None:
        statement = statement.where((_rows.seq < before) | (_rows.action == PRUNE))
    found: list[dict[str, Any]] = []
    pruned: list[dict[str, Any]] = []
    for row in connection.execute(statement):
        detail = json.loads(row.detail)
        if row.action == KEY:
            found.append({**detail, "previous_hash": row.previous_hash})
        else:
            pruned = detail["handed"]
    return pruned + [each for each in found if each not in pruned]


def notes_after(connection: Connection, seq: int) -> list[dict[str, Any]]:
    """Return the chain's signed notes about rows after one."""
    statement = select(_rows.detail).where(
        _rows.seq > seq + 1, _rows.door == audit.SYSTEM_DOOR, _rows.action == CHECKPOINT
    )
    return [json.loads(detail)["note"] for detail in connection.execute(statement.order_by(_rows.seq)).scalars()]


def last_note(path: Path) -> dict[str, Any] | None:
    """Return the last signed note in a file; None where there is none."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            note = json.loads(line)
            if "signature" in note and int(note["seq"]):
                return dict(note)
        except (ValueError, KeyError, TypeError):
            continue
    return None


def _holds(connection: Connection, note: Mapping[str, Any]) -> bool:
    """Say whether the chain has the row that a note is about, or had it before a pruning."""
    first = connection.execute(select(_rows.seq).order_by(_rows.seq).limit(1)).scalar_one_or_none() or 0
    found = connection.execute(select(_rows.hash).where(_rows.seq == note["seq"])).scalar_one_or_none()
    return bool(note["seq"] < first or found == note["hash"])


def add_notes(path: Path, notes: Sequence[Mapping[str, Any]]) -> None:
    """Write notes at the end of a file, and see that they reach the disk; a line that a crash cut off is closed."""
    if not notes:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write("".join(json.dumps(note, sort_keys=True) + "\n" for note in notes).encode())
        file.flush()
        os.fsync(file.fileno())
