"""How is SQLite visited? One file, a pool of readers with a snapshot each, one writer that locks before it reads."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from daeri.errors import NotReady
from daeri.records.backend import Lane
from daeri.wording import Text

READERS = 4
"""Reader threads. More does not help while one interpreter lock serves them; fewer lets one slow list block others."""
BUSY_SECONDS = 30
"""How long a statement waits for another process's lock before it fails."""


class SQLite:
    """The database in a file."""

    is_shared = False

    def __init__(self, url: URL) -> None:
        """Take the file's address; nothing is opened yet."""
        self.reading = Lane(_engine(url, writer=False), READERS, "read")
        self.writing = Lane(_engine(url, writer=True), 1, "write")
        self.noting = self.writing

    def meaning(self, error: DBAPIError) -> Exception | None:
        """Tell what SQLite said: locked, full, read-only, damaged."""
        if not isinstance(error, OperationalError):
            return None
        said = str(error.orig)
        return NotReady(Text(f"데이터베이스가 답하지 않아요: {said}", f"The database says: {said}"))

    def is_passing(self, error: DBAPIError, *, nothing_done: bool) -> bool:
        """Say no: SQLite has waited for its lock by itself."""
        del error, nothing_done
        return False

    def hearing(self, heard: Callable[[str], None], lock: int) -> AbstractAsyncContextManager[None]:
        """Hear nothing: there is one server on a file."""
        del heard, lock
        return nullcontext()

    def take_time(self, connection: Connection) -> None:
        """Do nothing: there is no limit."""

    def close(self, *, has_written: bool) -> None:
        """Move the log into the database file and close."""
        self.reading.engine.dispose()
        if has_written:
            connection = self.writing.engine.raw_connection()
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        self.writing.engine.dispose()


def _engine(url: URL, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1 if writer else READERS,
        max_overflow=0 if writer else 1,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        settings = ["journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-16000"]
        for setting in settings if writer else [*settings, "query_only=ON"]:
            connection.execute(f"PRAGMA {setting}")

    statement = "BEGIN IMMEDIATE" if writer else "BEGIN"

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute(statement)
        except sqlite3.Error as error:
            raise DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect) from error

    return engine
