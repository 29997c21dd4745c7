"""Where is the database, and how is it visited? The only file that opens a connection.

A visit is one synchronous function over one connection, run in one thread hop: on SQLite that costs half of what
an asynchronous driver costs, which hops for every cursor call (see bench/store.py for the figures).
Readers get a snapshot each; there is one writer, which takes the write lock before it reads.
"""

import asyncio
import contextvars
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    column,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    table,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from daeri.errors import NotReady, ValidationFailed
from daeri.records.record import NAMING
from daeri.wording import Text

T = TypeVar("T")

_NAMES = ("revision", "down_revision")
_REVISION = re.compile(r"""^(revision|down_revision)\b[^=\n]*=\s*["']([^"']+)["']""", re.MULTILINE)

READERS = 4
"""Reader threads. More does not help while one interpreter lock serves them; fewer lets one slow list block others."""
BUSY_SECONDS = 30
"""How long a statement waits for another process's lock before it fails."""

system = MetaData(naming_convention=NAMING)
"""The tables Daeri itself keeps (accounts, approvals, runs, audit); a company's own stand in Record.metadata."""


class Store:
    """The company's database: `read` and `write` run a function in a transaction and return what it returns."""

    def __init__(self, url: str) -> None:
        """Take a SQLAlchemy URL; nothing is opened before the first visit."""
        self.url = make_url(url)
        self._has_written = False
        if self.url.get_backend_name() != "sqlite":
            msg = f"{self.url.get_backend_name()} is not supported yet; use sqlite:///PATH"
            raise ValueError(msg)
        self._write_engine = _sqlite_engine(url, writer=True)
        self._read_engine = _sqlite_engine(url, writer=False)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="daeri-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="daeri-read")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a snapshot of the database; anything it writes is refused."""
        return await self._visit(self._readers, self._read_engine, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the one write transaction; commit when it returns, roll back when it raises."""
        self._has_written = True
        return await self._visit(self._writer, self._write_engine, work)

    async def _visit(self, threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
        def visit() -> T:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except OverflowError:
                raise ValidationFailed(Text("숫자가 너무 커요", "A number is too large")) from None
            except UnicodeEncodeError:
                raise ValidationFailed(
                    Text("읽을 수 없는 글자가 있어요", "The text holds a character that cannot be stored")
                ) from None
            except OperationalError as error:
                said = str(error.orig)
                raise NotReady(Text(f"데이터베이스가 답하지 않아요: {said}", f"The database says: {said}")) from error

        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(threads, context.run, visit)

    async def create(self, metadata: MetaData) -> None:
        """Create the tables of `metadata` that do not exist yet (a company without migrations)."""
        await self.write(metadata.create_all)

    async def upgrade(self, scripts: Path, version_table: str) -> None:
        """Bring the tables that the Alembic scripts in `scripts` describe to their newest revision."""
        await self.write(lambda connection: _upgrade(connection, scripts, version_table))

    async def close(self) -> None:
        """Finish what runs, move the log into the database file, close."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for threads in (self._readers, self._writer):
            threads.shutdown(wait=True)
        self._read_engine.dispose()
        if self._has_written:
            connection = self._write_engine.raw_connection()
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        self._write_engine.dispose()


def _sqlite_engine(url: str, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1 if writer else READERS,
        max_overflow=0 if writer else 1,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        settings = ["journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-16000"]
        for setting in settings if writer else [*settings, "query_only=ON"]:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _upgrade(connection: Connection, scripts: Path, version_table: str) -> None:
    if _newest(scripts) == _reached(connection, version_table):
        return
    # Alembic takes a tenth of the start, and most starts have nothing for it to do.
    from daeri.records.migrate import migrate  # noqa: PLC0415

    migrate(connection, scripts, version_table)


def _newest(scripts: Path) -> set[str]:
    """Return the revisions that no other one follows."""
    texts = [script.read_text(encoding="utf-8") for script in (scripts / "versions").glob("*.py")]
    named = {
        name: {found[2] for text in texts for found in _REVISION.finditer(text) if found[1] == name} for name in _NAMES
    }
    return named["revision"] - named["down_revision"]


def _reached(connection: Connection, version_table: str) -> set[str]:
    if not inspect(connection).has_table(version_table):
        return set()
    return set(connection.execute(select(column("version_num")).select_from(table(version_table))).scalars())


async def is_reachable(store: Store) -> bool:
    """Say whether the database answers a trivial question."""
    return await store.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
