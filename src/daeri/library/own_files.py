"""What is a person's own file, and what may it be called? A record whose rows nobody but their owner ever sees.

The content lies on the disk under its hash (`disk.py`); a row names it. So what a name looks like endangers nothing
here, but people take their files to machines where names are paths: one that would be trouble there is refused.
"""

import asyncio
import unicodedata
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

import structlog
from sqlalchemy import JSON, ColumnElement, Connection, String, Table, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import DaeriError, NotFound, ValidationFailed
from daeri.library.disk import Disk
from daeri.operations.call import run_to_end
from daeri.operations.invoke import Door
from daeri.operations.outcome import Done
from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.kept import Kept
from daeri.records.record import Instant, labelled
from daeri.records.store import Store
from daeri.records.trail import Trail
from daeri.wording import Lang, Text

NAME_MAX: Final = 100
NAME_BYTES_MAX: Final = 200
EARLIER_MAX: Final = 5
"""Earlier contents of a file that are kept when it is written again."""
SWEEP_SECONDS: Final = 60 * 60
KINDS: Final = ("csv", "json", "jsonl", "log", "md", "py", "sql", "tsv", "txt", "yaml")
"""Kinds of files: text that no machine runs when somebody opens it."""
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "clock$", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789"}
)
_TROUBLE: Final = frozenset('/\\:*?"<>|%')

log = structlog.get_logger()


class OwnFile(Kept):
    """A file of one person's own (내 파일): made by them or by an agent for them."""

    __tablename__ = "own_file"
    __label__ = Text("내 파일", "own file")
    __title__ = ("name",)
    __table_args__ = (UniqueConstraint("owner_id", "folded", name="uq_own_file_name"),)

    owner_id: Mapped[int] = mapped_column(index=True, info=labelled("주인", "owner"))
    name: Mapped[str] = mapped_column(String(NAME_MAX), info=labelled("파일 이름", "file name"))
    folded: Mapped[str] = mapped_column(String(4 * NAME_MAX), info=labelled("견줄 이름", "name to compare by"))
    size: Mapped[int] = mapped_column(default=0, info=labelled("크기", "size"))
    kept: Mapped[int] = mapped_column(default=0, info=labelled("이전 것까지의 크기", "size with earlier contents"))
    digest: Mapped[str] = mapped_column(String(64), info=labelled("내용 해시", "digest of the content"))
    earlier: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON, default=list, info=labelled("이전 내용", "earlier contents")
    )
    classes: Mapped[list[str]] = mapped_column(JSON, default=list, info=labelled("데이터 등급", "data classes"))
    written_by: Mapped[str] = mapped_column(
        String(100), default="", info=labelled("쓴 에이전트", "agent that wrote it")
    )
    written_at: Mapped[datetime] = mapped_column(Instant(), info=labelled("쓴 때", "written at"))


_FILES: Final = cast("Table", OwnFile.__table__)


def only_own(actor: Actor) -> ColumnElement[bool]:
    """본인 것만 (one's own files, nobody else's, whatever one's role)."""
    return OwnFile.owner_id == actor.person_id


def file_name(name: str) -> str:
    """Return a name in its one spelling.

    Raises:
        ValidationFailed: a file may not be called so; the text says what to change.
    """
    spelt = unicodedata.normalize("NFC", name).strip()
    seen = folded(spelt)
    stem, dot, kind = seen.rpartition(".")
    if not spelt or len(spelt) > NAME_MAX or len(spelt.encode(errors="replace")) > NAME_BYTES_MAX:
        raise _refused(f"이름은 {NAME_MAX}자까지예요", f"A name has {NAME_MAX} characters at most")
    if any(letter in _TROUBLE for letter in spelt + seen):
        raise _refused('이름에 / \\ : * ? " < > | % 를 쓸 수 없어요', 'A name may not hold / \\ : * ? " < > | %')
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for letter in spelt):
        raise _refused("이름에 보이지 않는 글자가 있어요", "The name holds letters that cannot be seen")
    if not dot or kind not in KINDS or not stem.strip():
        raise _refused(f"이름은 {', '.join(KINDS)} 로 끝나야 해요", f"End the name in one of: {', '.join(KINDS)}")
    if seen[0] in ".~-" or ".." in seen or stem != stem.strip() or stem.split(".")[0].strip() in _DEVICES:
        raise _refused("다른 컴퓨터에서 열 수 없는 이름이에요", "Other machines cannot open a file of this name")
    return spelt


def folded(name: str) -> str:
    """Return what two names have in common that no eye or disk tells apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _refused(ko: str, en: str) -> ValidationFailed:
    return ValidationFailed(Text(ko, en))


def showed(records: Records, file: OwnFile) -> None:
    """Note that a file's content is told, and with it the data classes of what its writer had read."""
    records._trail.levels.update(file.classes)  # noqa: SLF001 - as files of the company have their level noted


class OwnFiles:
    """What is done with people's files besides operations: fetching one whole, and sweeping the disk."""

    def __init__(self, door: Door, store: Store, disk: Disk) -> None:
        """Take the door, the database and the disk."""
        self._door = door
        self._store = store
        self._disk = disk

    async def content(self, actor: Actor, key: int, lang: Lang = "ko") -> tuple[str, bytes]:
        """Return the name and the content of a file, for its owner; reading it is audited as `files.read`.

        Raises:
            NotFound: there is no such file of the actor's.
        """
        if "files.read" not in self._door.company.operations:
            raise NotFound
        done = await self._door.call(actor, "files.read", {"file": key, "limit": 1}, lang=lang)
        if not isinstance(done, Done):
            raise TypeError(type(done))

        def look(connection: Connection) -> tuple[str, bytes]:
            records = Records(connection, self._door.company.rules, actor, Trail())
            file: OwnFile = run_to_end(records.get(OwnFile, key))
            return file.name, self._disk.get(file.owner_id, file.digest)

        return await self._store.read(look)

    async def keep_swept(self) -> None:
        """Sweep the disk now and then, until cancelled."""
        while True:
            try:
                await self.sweep()
            except (DaeriError, OSError):
                log.exception("files.sweep")
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Remove contents that no file names; return how many."""

        def sweep_one(connection: Connection, owner: int) -> int:
            rows = connection.execute(select(_FILES.c.digest, _FILES.c.earlier).where(_FILES.c.owner_id == owner))
            named = {digest for row in rows for digest in (row.digest, *(each["digest"] for each in row.earlier))}
            return self._disk.sweep(owner, named)

        owners = await asyncio.to_thread(self._disk.owners)
        # A write of its own for each person, so that no content is swept away between its keeping and its naming.
        return sum([await self._store.write(partial(sweep_one, owner=owner)) for owner in owners])
