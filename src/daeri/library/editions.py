"""How does a file come in, change and go? The database's side of the operations on files.

Operations get `Records`; what they may not do with them (passages, the index, uploads) is done here on the same
connection, for rows that the records' rules have let the actor change.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, Integer, String, Table, delete, func, insert, select, update

from daeri.errors import NotFound
from daeri.library import holdings
from daeri.library.blocks import Problem
from daeri.library.cells import Reading
from daeri.library.files import NAME_MAX, CompanyFile, company_file
from daeri.records.access import Records
from daeri.records.record import Instant
from daeri.records.store import system
from daeri.wording import Text

UPLOAD_LIFE: Final = timedelta(days=1)
"""How long an upload waits to be named."""

upload = Table(
    "upload",
    system,
    Column("token", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)
"""Bytes that came and are no file yet. The token is their sender's alone: who only knows a hash gets nothing."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Bytes that came."""

    digest: str
    size: int


def received(connection: Connection, person_id: int, what: Uploaded, now: datetime) -> str:
    """Note bytes that came; return the token by which their sender names them."""
    connection.execute(delete(upload).where(upload.c.at < now - UPLOAD_LIFE))
    token = f"upl_{secrets.token_urlsafe(24)}"
    connection.execute(
        insert(upload).values(token=token, person_id=person_id, digest=what.digest, size=what.size, at=now)
    )
    return token


def uploaded(records: Records, person_id: int, token: str) -> Uploaded:
    """Return what a person uploaded.

    Raises:
        NotFound: there is no such upload of theirs.
    """
    statement = select(upload).where(upload.c.token == token, upload.c.person_id == person_id)
    row = connection_of(records).execute(statement).one_or_none()
    if row is None:
        raise NotFound(Text("그런 업로드를 찾을 수 없어요", "No such upload"))
    return Uploaded(row.digest, row.size)


def connection_of(records: Records) -> Connection:
    """Return the connection that records work on; what is done on it must ask the records' rules first."""
    return records._connection  # noqa: SLF001 - the library's tables are guarded by the rule on their files


def begin_series(records: Records, file: CompanyFile) -> None:
    """Let a file be the first of its editions."""
    values = {"series": file.id}
    connection_of(records).execute(update(company_file).where(company_file.c.id == file.id).values(**values))


def take_out(records: Records, file: CompanyFile) -> None:
    """Take a file's passages out of the library; the row is the caller's to remove."""
    holdings.take_out(connection_of(records), file.id)


def moved(records: Records, file: CompanyFile) -> None:
    """Let a file be found by its new folder."""
    holdings.rename(connection_of(records), file.id, holdings.head_of(file.name, file.folder))


@dataclass(frozen=True, slots=True)
class Job:
    """A file that waits to be read."""

    id: int
    name: str
    folder: str
    digest: str
    series: int
    known: list[str]


def job(connection: Connection, file_id: int, models: Sequence[str]) -> Job | None:
    """Return what is needed to read a file; None where it does not wait any more."""
    columns = company_file.c
    row = connection.execute(
        select(columns.name, columns.folder, columns.digest, columns.series).where(
            columns.id == file_id, columns.status == "waiting"
        )
    ).one_or_none()
    if row is None:
        return None
    series = row.series or file_id
    same = list(connection.execute(select(columns.id).where(columns.series == series)).scalars())
    return Job(file_id, row.name, row.folder, row.digest, series, holdings.digests(connection, same, models))


def finished(connection: Connection, done: Job, reading: Reading, size: int) -> str:
    """Write down what came of reading a file; it takes the place of the edition before it. Return its status."""
    columns = company_file.c
    still = connection.execute(select(columns.id).where(columns.id == done.id, columns.status == "waiting"))
    if still.one_or_none() is None:
        return "gone"
    problems = [_told(problem) for problem in reading.problems]
    values: dict[str, Any] = {"problems": problems, "format": reading.format, "size": size}
    if not reading.is_readable:
        values |= {"status": "unreadable"}
        connection.execute(update(company_file).where(columns.id == done.id).values(**values))
        return "unreadable"
    count = holdings.hold(connection, done.id, holdings.head_of(done.name, done.folder), reading.passages)
    newest = connection.execute(
        select(func.max(columns.id)).where(columns.series == done.series, columns.status == "ready")
    ).scalar_one()
    is_newest = newest is None or newest < done.id
    if is_newest:
        others = (columns.series == done.series, columns.id != done.id)
        connection.execute(update(company_file).where(*others).values(is_current=False))
    values |= {"status": "ready", "passages": count, "is_current": is_newest}
    connection.execute(update(company_file).where(columns.id == done.id).values(**values))
    return "ready"


def waiting(connection: Connection) -> list[tuple[int, int]]:
    """Return the files that wait to be read, with who added them."""
    columns = company_file.c
    found = connection.execute(select(columns.id, columns.owner_id).where(columns.status == "waiting"))
    return [(row.id, row.owner_id) for row in found]


def stop(connection: Connection, ids: Sequence[int]) -> None:
    """Let files that still wait be read no more, as somebody stopped their run; bringing one in again begins anew."""
    columns = company_file.c
    chosen = update(company_file).where(columns.id.in_(ids), columns.status == "waiting")
    connection.execute(chosen.values(status="stopped"))


def still_used(connection: Connection, digest: str) -> bool:
    """Say whether any file has this content."""
    found = connection.execute(select(company_file.c.id).where(company_file.c.digest == digest).limit(1))
    return found.one_or_none() is not None


def _told(problem: Problem) -> dict[str, Any]:
    words = problem.to_text()
    return {"why": problem.why, "place": problem.place.say(), "ko": words.ko, "en": words.en}


def named(name: str) -> str:
    """Return the last part of a file's name, without what no file is called."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in bare if letter.isprintable()).strip(". ")[:NAME_MAX]


def in_folder(folder: str) -> str:
    """Return a folder's name in one spelling: `규정/인사`, without steps upwards."""
    parts = (part.strip() for part in folder.replace("\\", "/").split("/"))
    kept = ("".join(letter for letter in part if letter.isprintable()) for part in parts)
    return "/".join(part for part in kept if part and part not in {".", ".."})[:400]
