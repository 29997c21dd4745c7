"""What does a store need of a database? The seam between `Store` and the two files that know SQLite and PostgreSQL.

Above stands `store.py`, which owns threads and transactions; below, `store_sqlite.py` and `store_postgres.py`, which
know one database each. SQL that reads differently in the two is in `portable.py`; nobody else asks which one it is.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to visit the database: connections of one kind, and the threads that use them."""

    engine: Engine
    threads: ThreadPoolExecutor

    @classmethod
    def of(cls, engine: Engine, threads: int, name: str) -> "Lane":
        """Open no connection yet; as many visits go on at once as there are threads."""
        return cls(engine, ThreadPoolExecutor(threads, thread_name_prefix=f"daeri-{name}"))


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
