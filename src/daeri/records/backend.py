"""What does a store need of a database? The seam between `Store` and the two files that know SQLite and PostgreSQL.

Above stands `store.py`, which owns threads and transactions; below, `store_sqlite.py` and `store_postgres.py`, which
know one database each. SQL that reads differently in the two is in `portable.py`; nobody else asks which one it is.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError


class Lane:
    """One way to visit the database: the threads that do, and a connection for each of them.

    A thread keeps its connection from visit to visit: to have it from a pool each time costs more than BEGIN and COMMIT
    together (23 µs; 5 where it is kept). One that was cut is opened anew at the next BEGIN.

    Attributes:
        engine: what opens the connections.
        threads: as many visits go on at once as there are.
    """

    def __init__(self, engine: Engine, threads: int, name: str) -> None:
        """Open no connection yet."""
        self.engine = engine
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix=f"daeri-{name}")
        self._own = threading.local()
        self._kept: list[Connection] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin on the connection of the thread that asks; commit with the block, roll back where it raises."""
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self.engine.connect()
            self._kept.append(connection)
        try:
            begun = connection.begin()
        except BaseException:
            # PostgreSQL may have begun and then refused the lock: the pool rolls that back.
            del self._own.connection
            self._kept.remove(connection)
            connection.close()
            raise
        with begun:
            yield connection

    def close(self) -> None:
        """Let all connections go; the threads have ended."""
        for connection in self._kept:
            connection.close()
        self._kept.clear()


class Backend(Protocol):
    """A database as `Store` visits it.

    Attributes:
        reading: each visit sees one moment and can write nothing.
        writing: one visit at a time, of all processes on this database.
        noting: visits that only add what no other visit depends on; on SQLite they are ordinary writes.
        is_shared: whether several servers may work on it at once.
    """

    is_shared: bool
    reading: Lane
    writing: Lane
    noting: Lane

    def meaning(self, error: DBAPIError) -> Exception | None:
        """Return what an error means to whoever asked; None where it is raised as it is."""

    def is_passing(self, error: DBAPIError, *, nothing_done: bool) -> bool:
        """Say whether the same visit may be made again: nothing of it is left, and it may well succeed."""

    def hearing(self, heard: Callable[[str], None], lock: int) -> AbstractAsyncContextManager[None]:
        """Call `heard` with the messages of all servers on this database, and hold a lock meanwhile."""

    def take_time(self, connection: Connection) -> None:
        """Lift the limits on time for one transaction: a migration may take as long as it takes."""

    def close(self, *, has_written: bool) -> None:
        """Close the connections; the threads have ended."""
