"""The library over a plain folder, without a server: `ingest(paths)` and `search(query, k)` of `daeri.library`.

The same reading, index and search as a server's, in one SQLite file of their own. Everybody who can read that file sees
all of it: there are no permissions here.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self, TypeVar

from sqlalchemy import Connection, delete, insert, select, true

from daeri.clock import Clock
from daeri.library import holdings
from daeri.library.blocks import Limits, Problem
from daeri.library.board import Board
from daeri.library.cells import Cells
from daeri.library.embedding import MODEL
from daeri.library.files import company_file
from daeri.library.finder import Asked, Hit, find
from daeri.library.kinds import SUFFIXES
from daeri.library.queries import Terms, read_query
from daeri.library.terms import GENERAL
from daeri.library.vectors import Embedder
from daeri.records.store import Store

T = TypeVar("T")

INDEX: Final = Path(".daeri-library.db")
"""Where the index lies unless another file is named: in the present folder."""
AT_ONCE: Final = max(1, min(4, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an `ingest`.

    Attributes:
        files: how many are in the index now from these paths.
        read: how many of them were new or changed.
        removed: how many are gone from the folders.
        passages: how many passages the files have.
        problems: what could not be read: path, place, why.
    """

    files: int = 0
    read: int = 0
    removed: int = 0
    passages: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)


class Folder:
    """An index of files in one SQLite file, or in a database of its own; `with Folder(path) as folder`."""

    def __init__(self, index: Path | str = INDEX, limits: Limits | None = None, terms: Terms | None = None) -> None:
        """Take where the index lies (a file, made where it is missing, or the address of a database), limits, terms."""
        self._store = Store(str(index) if "://" in str(index) else f"sqlite:///{Path(index)}")
        self._limits = limits or Limits()
        self._terms = terms or Terms.of(GENERAL)
        self._board = Board()
        self._embedder = Embedder()
        self._clock = Clock()
        self._is_open = False

    def ingest(self, paths: Iterable[Path | str], told: Callable[[str, int, int], None] | None = None) -> Report:
        """Read files and folders into the index; what has not changed since is not read again.

        Args:
            paths: files, or folders with all that is below them.
            told: hears the path of each file that is done, how many are done, of how many.
        """
        self._open()
        roots = [Path(path).resolve() for path in paths]
        found = list(dict.fromkeys(path for root in roots for path in _files(root)))
        known = self._write(_known)
        gone = [key for path, (key, _) in known.items() if _is_below(path, roots) and Path(path) not in set(found)]
        changed = [(path, digest) for path in found if known.get(str(path), (0, ""))[1] != (digest := _digest(path))]
        problems: list[dict[str, str]] = []
        with Cells(min(AT_ONCE, max(1, len(changed))), self._limits) as cells, ThreadPoolExecutor(AT_ONCE) as threads:
            jobs = [threads.submit(self._take_in, cells, path, digest) for path, digest in changed]
            for done, (job, (path, _)) in enumerate(zip(jobs, changed, strict=True), 1):
                problems += [
                    {"path": str(path), "place": each.place.say(), "why": each.to_text().en} for each in job.result()
                ]
                if told is not None:
                    told(str(path), done, len(changed))
        self._write(lambda connection: _remove(connection, gone))
        files, passages = self._write(lambda connection: _totals(connection, found))
        return Report(files, len(changed), len(gone), passages, problems)

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """Return the k passages that answer a query best, best first."""
        self._open()
        read = read_query(query, self._terms)
        asked = Asked(read, lambda model: self._embedder.embed([read.text]) if model == MODEL else None, k, true())
        hits: list[Hit] = self._run(self._store.read(lambda connection: find(connection, self._board, asked)))
        return [replace(hit, document=str(Path(hit.folder) / hit.name)) for hit in hits]

    def close(self) -> None:
        """Close the file."""
        self._run(self._store.close())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _take_in(self, cells: Cells, path: Path, digest: str) -> Sequence[Problem]:
        before = self._write(lambda connection: _known(connection).get(str(path)))
        ids = [before[0]] if before else []
        known = self._write(lambda connection: holdings.digests(connection, ids, [MODEL])) if ids else []
        reading = cells.read(path, path.name, known)

        def write(connection: Connection) -> None:
            key = before[0] if before else _added(connection, path, self._clock)
            head = holdings.head_of(path.name, path.parent.name)
            count = holdings.hold(connection, key, head, reading.passages)
            values = {"digest": digest, "passages": count, "format": reading.format, "size": path.stat().st_size}
            connection.execute(company_file.update().where(company_file.c.id == key).values(**values))

        self._write(write)
        return reading.problems

    def _open(self) -> None:
        if not self._is_open:
            tables = [company_file, holdings.passage, holdings.stamp, holdings.state]
            self._write(lambda connection: company_file.metadata.create_all(connection, tables=tables))
            self._is_open = True

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._run(self._store.write(work))

    @staticmethod
    def _run(waiting: Awaitable[T]) -> T:
        """Wait for the store, also where an event loop runs in the caller's thread already."""

        async def wait() -> T:
            return await waiting

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, wait()).result()


def _files(root: Path) -> Iterator[Path]:
    """Yield a file, or those below a folder that can be read; hidden ones and links out of it are passed over."""
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if not name.startswith((".", "~$")) and path.suffix.lower() in SUFFIXES and not path.is_symlink():
                yield path


def _is_below(path: str, roots: Sequence[Path]) -> bool:
    return any(Path(path) == root or root in Path(path).parents for root in roots)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known(connection: Connection) -> dict[str, tuple[int, str]]:
    columns = (company_file.c.id, company_file.c.folder, company_file.c.name, company_file.c.digest)
    return {str(Path(row.folder) / row.name): (row.id, row.digest) for row in connection.execute(select(*columns))}


def _added(connection: Connection, path: Path, clock: Clock) -> int:
    values = {
        "name": path.name,
        "folder": str(path.parent),
        "owner_id": 0,
        "digest": "",
        "added_at": clock.now(),
        "is_current": True,
    }
    statement = insert(company_file).values(**values, status="ready", level="internal").returning(company_file.c.id)
    return int(connection.execute(statement).scalar_one())


def _remove(connection: Connection, keys: Sequence[int]) -> None:
    for key in keys:
        holdings.take_out(connection, key)
        connection.execute(delete(company_file).where(company_file.c.id == key))


def _totals(connection: Connection, found: Sequence[Path]) -> tuple[int, int]:
    wanted = {str(path) for path in found}
    columns = (company_file.c.folder, company_file.c.name, company_file.c.passages)
    rows = [row for row in connection.execute(select(*columns)) if str(Path(row.folder) / row.name) in wanted]
    return len(rows), sum(row.passages for row in rows)
