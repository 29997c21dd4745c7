"""How do servers on one PostgreSQL hear of each other? One connection beside the visits, on which messages arrive.

A message is a hint: whoever misses one (the connection was down for a moment) finds the same in the tables a little
later. As long as the connection lives, its server holds a lock of its own, by which others see that it lives too: when
a process is killed, the database lets go of both at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import psycopg
import structlog

CHANNEL: Final = "daeri"
AGAIN_SECONDS: Final = 0.5
"""How long a lost connection, or a lock that a lost one still holds, is left before the next try."""

Heard = Callable[[str], None]
log = structlog.get_logger()


class Hearing:
    """One server's ear."""

    def __init__(self, address: Mapping[str, Any], heard: Heard, lock: int) -> None:
        """Take what the driver needs to connect, what to call with each message, and the lock to hold meanwhile."""
        self._address = address
        self._heard = heard
        self._lock = lock
        self._there = asyncio.Event()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen until the end of the block; the lock is held when it begins."""
        task = asyncio.create_task(self._always())
        there = asyncio.create_task(self._there.wait())
        try:
            await asyncio.wait({task, there}, return_when=asyncio.FIRST_COMPLETED)
            yield
        finally:
            for each in (there, task):
                each.cancel()
            await asyncio.gather(there, task, return_exceptions=True)

    async def _always(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("hearing.lost", why=str(error).partition("\n")[0])
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(**self._address, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            holds = False
            while True:
                if not holds:
                    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [self._lock])
                    (holds,) = await cursor.fetchone() or (False,)
                    if holds:
                        self._there.set()
                        self._heard("")  # whatever was sent while nobody listened
                async for message in connection.notifies(timeout=None if holds else AGAIN_SECONDS):
                    self._heard(message.payload)
