"""Where is the database, and how is it visited? The only file that opens a connection to it.

A visit is one synchronous function over one connection, run in one thread hop: on SQLite that costs half of what
an asynchronous driver costs, which hops for every cursor call (see bench/store.py for the figures). Nothing can be
awaited in it, so no transaction is open across a wait. Readers get a snapshot each; writers take turns, over all
processes, and look before they write. What differs between the databases is behind `backend.py`.
"""

import asyncio
import contextvars
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, MetaData, Table, inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DropTable

from daeri.errors import ValidationFailed
from daeri.records.backend import Backend, Lane
from daeri.records.portable import tell
from daeri.records.record import ADOPTED, NAMING
from daeri.records.revisions import NewerDatabase, Standing, standing_of
from daeri.records.store_sqlite import SQLite
from daeri.records.watching import Watch, heard
from daeri.wording import Text

T = TypeVar("T")

TRIES = 6
"""Times one visit is made at most where the database asks for another try (a deadlock, a restart)."""
FIRST_PAUSE = 0.05
"""Seconds before the second try; doubled for each one after it: a database that restarts is waited for 1.5 s."""

VERSION_TABLES = ("daeri_version", "company_version")
"""Where Alembic notes the revision of Daeri's own tables and of the company's."""

system = MetaData(naming_convention=NAMING)
"""The tables Daeri itself keeps (accounts, approvals, runs, audit); a company's own stand in Record.metadata."""


class Store:
    """The company's database: its visits run a function in a transaction and return what it returns.

    `read` looks, `write` changes, `note` adds to what nobody else depends on. A function may be called again after
    it was rolled back, so it does nothing but look at and change the database.

    Attributes:
        watch: what is told of visits that change certain tables, if anything is.
    """

    def __init__(self, url: str | URL) -> None:
        """Take a SQLAlchemy URL of SQLite or PostgreSQL; nothing is opened before the first visit.

        Raises:
            ValueError: it is an address of neither.
        """
        self.url = make_url(url)
        self._has_written = False
        self._backend = _backend_of(self.url)
        self.watch: Watch | None = None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a snapshot of the database; anything it writes is refused."""
        return await self._visit(self._backend.reading, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` while no other write goes on; commit when it returns, roll back when it raises."""
        self._has_written = True
        return await self._visit(self._backend.writing, work)

    async def note(self, work: Callable[[Connection], T]) -> T:
        """Run `work` beside other visits, as `write` does otherwise: for what locks each row it builds upon."""
        self._has_written = True
        return await self._visit(self._backend.noting, work)

    async def _visit(self, lane: Lane, work: Callable[[Connection], T]) -> T:
        said = set[str]()

        def visit() -> T:
            try:
                return self._tried(lane, work, said)
            except OverflowError:
                raise ValidationFailed(Text("숫자가 너무 커요", "A number is too large")) from None
            except UnicodeEncodeError:
                raise ValidationFailed(
                    Text("읽을 수 없는 글자가 있어요", "The text holds a character that cannot be stored")
                ) from None
            except DBAPIError as error:
                meaning = self._backend.meaning(error)
                if meaning is None:
                    raise
                raise meaning from error

        context = contextvars.copy_context()
        visiting = asyncio.get_running_loop().run_in_executor(lane.threads, context.run, visit)
        if self.watch is None or lane is self._backend.reading:
            return await visiting
        # Who asked may leave, the visit goes on: what it changes is told all the same.
        return await asyncio.shield(self.watch.over(visiting, said))

    def _tried(self, lane: Lane, work: Callable[[Connection], T], said: set[str]) -> T:
        pause = FIRST_PAUSE
        for tries_left in range(TRIES - 1, -1, -1):
            nothing_done = True
            try:
                with lane.transaction() as connection:
                    nothing_done = lane is self._backend.reading
                    if self.watch is None:
                        return work(connection)
                    with heard(connection, said):
                        return work(connection)
            except DBAPIError as error:
                if not tries_left or not self._backend.is_passing(error, nothing_done=nothing_done):
                    raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - so that two that met do not meet again
            pause *= 2
        raise AssertionError  # the last try returned or raised

    @property
    def is_shared(self) -> bool:
        """Whether several servers may work on this database at once."""
        return self._backend.is_shared

    def hearing(self, heard: Callable[[str], None], lock: int) -> AbstractAsyncContextManager[None]:
        """Call `heard` with what any server on this database tells, in the block; hold `lock` so that others see it."""
        return self._backend.hearing(heard, lock)

    async def tell(self, messages: Sequence[str]) -> None:
        """Send messages to every server on this database that hears; on a file there is only this one."""
        if self.is_shared and messages:
            await self._visit(self._backend.noting, lambda connection: tell(connection, messages))

    async def create(self, metadata: MetaData) -> None:
        """Create the tables of `metadata` that do not exist yet (a company without migrations); never adopted ones."""
        ours = [table for table in metadata.tables.values() if not table.info.get(ADOPTED)]
        await self.write(lambda connection: metadata.create_all(connection, ours))

    async def is_empty(self) -> bool:
        """Say whether there is no table yet."""
        return await self.read(lambda connection: not inspect(connection).get_table_names())

    async def wipe(self, *tables: MetaData) -> None:
        """Drop these tables and the notes of which revision they are at: for what was half made and is made anew."""

        def work(connection: Connection) -> None:
            for metadata in tables:
                metadata.drop_all(connection)
            for name in VERSION_TABLES:
                connection.execute(DropTable(Table(name, MetaData()), if_exists=True))

        await self.write(work)

    async def upgrade(self, scripts: Path, version_table: str) -> None:
        """Bring the tables that the Alembic scripts in `scripts` describe to their newest revision."""

        def work(connection: Connection) -> None:
            self._backend.take_time(connection)
            _upgrade(connection, scripts, version_table)

        await self.write(work)

    async def standing(self, scripts: Path, version_table: str) -> Standing:
        """Say which of the revisions in `scripts` the tables are at."""
        return await self.read(lambda connection: standing_of(connection, scripts, version_table))

    async def close(self) -> None:
        """Finish what runs and close; SQLite's log is moved into the database file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        lanes = (self._backend.reading, self._backend.noting, self._backend.writing)
        for lane in lanes:
            lane.threads.shutdown(wait=True)
            lane.close()
        self._backend.close(has_written=self._has_written)


def _backend_of(url: URL) -> Backend:
    name = url.get_backend_name()
    if name == "sqlite":
        return SQLite(url)
    if name in ("postgresql", "postgres"):
        # The dialect and its driver take a quarter of a second, and most starts have no use for them.
        from daeri.records.store_postgres import Postgres  # noqa: PLC0415

        return Postgres(url)
    msg = f"{name} is not supported; use sqlite:///PATH or postgresql+psycopg://HOST/NAME"
    raise ValueError(msg)


def _upgrade(connection: Connection, scripts: Path, version_table: str) -> None:
    standing = standing_of(connection, scripts, version_table)
    if standing.unknown:
        raise NewerDatabase.at(standing.unknown)
    if standing.missing:
        # Alembic takes a tenth of the start, and most starts have nothing for it to do.
        from daeri.records.migrate import migrate  # noqa: PLC0415

        migrate(connection, scripts, version_table)


async def is_reachable(store: Store) -> bool:
    """Say whether the database answers a trivial question."""
    return await store.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
