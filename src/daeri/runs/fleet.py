"""Which servers work on this database, and which of them are gone? One row for each, and a lock that it holds.

A run that a server is at carries the server's name. When the row of that name is gone, whoever looks takes the run up:
the journal's leases see to it that a server that was only thought gone writes nothing more. A server is gone when the
database no longer holds its lock (a killed process loses it at once), or when it has stopped beating.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, insert, select, update
from ulid import ULID

from daeri.clock import Clock
from daeri.records.portable import is_held
from daeri.records.record import Instant
from daeri.records.store import Store, system

FREE_SECONDS: Final = 1.5
"""How long a server's lock must be found free before it counts as gone: its connection may just be made anew."""
SILENCE_SECONDS: Final = 30.0
"""How long a server may hold its lock without a beat: it hangs, though its machine lives."""

ALONE: Final = "alone"
"""The name of a server that no other one can see."""

server = Table(
    "server",
    system,
    Column("id", String(40), primary_key=True),
    Column("lock", BigInteger, nullable=False),
    Column("host", String(200), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("beats", BigInteger, nullable=False),
)


class Fleet:
    """The servers on one database, as one of them sees them.

    Attributes:
        me: this server's name.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock; nobody sees this server before it is opened."""
        self._store = store
        self._clock = clock
        self._lock = secrets.randbits(62)
        self._ear = AsyncExitStack()
        self._beats = 0
        self._free_since: dict[str, float] = {}
        self._last_beat: dict[str, tuple[int, float]] = {}
        self._has_left = False
        self.me = f"srv_{ULID()}"

    async def open(self, heard: Callable[[str], None]) -> None:
        """Hold the lock, listen, and let the others see this server."""
        await self._ear.enter_async_context(self._store.hearing(heard, self._lock))
        await self.look()

    async def close(self) -> None:
        """Leave: what this server was at may be taken up at once."""
        self._has_left = True
        await self._store.note(lambda connection: self._forget(connection, self.me))
        await self._ear.aclose()

    async def look(self) -> list[str]:
        """Beat once, and return the servers that are gone; nobody sees them any more."""
        return await self._store.note(self._look)

    def _look(self, connection: Connection) -> list[str]:
        self._beat(connection)
        others = connection.execute(select(server).where(server.c.id != self.me).order_by(server.c.id)).all()
        gone = [row.id for row in others if self._is_gone(row.id, row.beats, free=not is_held(connection, row.lock))]
        for name in gone:
            self._forget(connection, name)
        return gone

    def _is_gone(self, name: str, beats: int, *, free: bool) -> bool:
        now = time.monotonic()
        before, since = self._last_beat.get(name, (-1, now))
        self._last_beat[name] = (beats, since if beats == before else now)
        if free:
            free_for = now - self._free_since.setdefault(name, now)
            if free_for >= FREE_SECONDS or not self._store.is_shared:
                return True
        else:
            self._free_since.pop(name, None)
        return now - self._last_beat[name][1] > SILENCE_SECONDS

    def _beat(self, connection: Connection) -> None:
        self._beats += 1
        beaten = connection.execute(update(server).where(server.c.id == self.me).values(beats=self._beats))
        if beaten.rowcount or self._has_left:  # a look may still go on when the server leaves
            return
        row = {"id": self.me, "lock": self._lock, "host": socket.gethostname()[:200], "pid": os.getpid()}
        connection.execute(insert(server).values(**row, started_at=self._clock.now(), beats=self._beats))

    @staticmethod
    def _forget(connection: Connection, name: str) -> None:
        connection.execute(delete(server).where(server.c.id == name))
