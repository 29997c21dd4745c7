"""How is PostgreSQL visited? Readers on snapshots, writers one at a time over all processes, notes beside them.

Company code looks before it writes ("is that day taken already?"), and may rely on nobody writing in between. On SQLite
there is one writer; here whoever writes holds one lock of the database, taken before anything is read, so READ
COMMITTED is as good as one after another and no write is ever made twice. The audit's hash chain makes commits follow
one another anyway. What needs no such promise (the journal of a run, the audit of a read) is noted beside it: it locks
the rows it builds upon.
"""

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final, Self

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from daeri.errors import Conflict, NotReady, Timeout, ValidationFailed
from daeri.records.backend import Lane
from daeri.records.hearing import Heard, Hearing
from daeri.records.portable import WRITING
from daeri.records.watching import SAID
from daeri.wording import Text

READERS = 8
"""Reader threads: they wait for the network, where SQLite's wait for the interpreter."""
NOTERS = 4
"""Threads for notes; each waits for the audit's head, so more would only queue there."""
STATEMENT_SECONDS = 30
"""How long one statement may take: longer than any limit of Daeri's own, so it only ends what nobody waits for."""
LOCK_SECONDS = 15
"""How long a visit waits for another process's write before it says so."""
CONNECT_SECONDS = 5
"""How long a server may take to answer at all."""
IDLE_SECONDS = 60
"""A transaction in which nothing happens this long belongs to a process that hangs; its locks are let go."""

BEGIN: Final = {
    "read": ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",),
    "write": ("BEGIN ISOLATION LEVEL READ COMMITTED", f"SELECT pg_advisory_xact_lock({WRITING})"),
    "note": ("BEGIN ISOLATION LEVEL READ COMMITTED",),
}
"""What a visit begins with. A snapshot is taken after the lock was got, so a writer sees what the one before it did."""

registry.register("postgresql.daeri", "daeri.records.postgres_dialect", "PostgresDialect")


class Postgres:
    """A database of a PostgreSQL server."""

    is_shared = True

    def __init__(self, url: URL) -> None:
        """Take the database's address; nothing is opened yet."""
        self.reading = Lane(_engine(url, "read", READERS), READERS, "read")
        self.writing = Lane(_engine(url, "write", 1), 1, "write")
        self.noting = Lane(_engine(url, "note", NOTERS), NOTERS, "note")

    def meaning(self, error: DBAPIError) -> Exception | None:
        """Tell what PostgreSQL said, sorted by its error code."""
        code = _code(error)
        if code in ("40001", "40P01"):
            return Conflict(Text("다른 작업과 겹쳤어요. 다시 해 주세요.", "It met another change: try again."))
        if code == "57014":
            return Timeout()
        if code == "22003":
            return ValidationFailed(Text("숫자가 너무 커요", "A number is too large"))
        if isinstance(error, DataError) and not code:  # the driver's own: a NUL character
            return ValidationFailed(
                Text("읽을 수 없는 글자가 있어요", "The text holds a character that cannot be stored")
            )
        if isinstance(error, OperationalError) or code[:2] in ("25", "42", "53", "55", "57", "58"):
            said = str(error.orig).partition("\n")[0]
            return NotReady(Text(f"데이터베이스가 답하지 않아요: {said}", f"The database says: {said}"))
        return None

    def is_passing(self, error: DBAPIError, *, nothing_done: bool) -> bool:
        """Say yes for a deadlock, of which nothing is left, and for a server that was away before anything was done."""
        code = _code(error)
        if code in ("40001", "40P01"):
            return True
        away = error.connection_invalidated or code in ("", "57P01", "57P02", "57P03")
        return nothing_done and away and isinstance(error, OperationalError)

    def hearing(self, heard: Heard, lock: int) -> AbstractAsyncContextManager[None]:
        """Hear on a connection of its own, which notices soon when the other end is gone."""
        engine = self.reading.engine
        _, address = engine.dialect.create_connect_args(engine.url)
        alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
        limits = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        more = {"options": limits, "application_name": "daeri hear", "connect_timeout": CONNECT_SECONDS}
        return Hearing({**address, **alive, **more}, heard, lock).open()

    def take_time(self, connection: Connection) -> None:
        """Lift the limit on a statement's time until the transaction ends."""
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    def close(self, *, has_written: bool) -> None:
        """Close the connections."""
        del has_written
        for lane in (self.reading, self.noting, self.writing):
            lane.engine.dispose()


def _engine(url: URL, kind: str, size: int) -> Engine:
    settings = {
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        "timezone": "UTC",
        "standard_conforming_strings": "on",
    }
    engine = create_engine(
        url.set(drivername="postgresql+daeri"),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=1,
        connect_args={
            "autocommit": True,  # transactions are begun below
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "application_name": f"daeri {kind}",
            "connect_timeout": CONNECT_SECONDS,
        },
    )

    @event.listens_for(engine, "connect")
    def connected(driver: Any, entry: ConnectionPoolEntry) -> None:
        if kind != "read":
            driver.cursor_factory = partial(_Cursor, said=entry.info.setdefault(SAID, set()))

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.info.get(SAID, set()).clear()
        for statement in BEGIN[kind]:
            connection.exec_driver_sql(statement)

    return engine


class _Cursor(psycopg.Cursor[Any]):
    """Notes what it is asked to do: whatever changes something passes here."""

    def __init__(self, connection: Any, *, said: set[str], **more: Any) -> None:
        super().__init__(connection, **more)
        self._said = said

    def execute(self, query: Any, *arguments: Any, **more: Any) -> Self:
        self._said.add(str(query))
        return super().execute(query, *arguments, **more)

    def executemany(self, query: Any, *arguments: Any, **more: Any) -> None:
        self._said.add(str(query))
        super().executemany(query, *arguments, **more)


def _code(error: DBAPIError) -> str:
    """Return PostgreSQL's five characters for an error; "" where the server did not get to say them."""
    return getattr(error.orig, "sqlstate", None) or ""
