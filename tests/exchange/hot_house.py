"""Servers that keep sessions hot over one Redis and one truth, which remembers what was acknowledged when."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from daeri.exchange import Exchange
from daeri.operations import hot_sessions
from daeri.operations.hot_sessions import HotSessions
from daeri.records.actor import Actor
from daeri.records.identity import SignedIn
from redis_server import RedisServer

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Change:
    """One change of what a session stands for: when it was committed and acknowledged, and whether Redis was told."""

    version: int
    by: "Keeper"
    committed: float
    acknowledged: float = float("inf")
    told: bool = False


@dataclass
class Truth:
    """The database: what each session stands for, as a number that grows with each change."""

    changes: dict[str, list[Change]] = field(default_factory=dict)

    def version(self, name: str) -> int:
        return len(self.changes.get(name, ()))

    def least(self, name: str, by: "Keeper") -> int:
        """Return the oldest version that a server may still take for the present one at this moment."""
        now = time.monotonic()
        known = [
            change.version
            for change in self.changes.get(name, ())
            if (change.acknowledged <= now and (change.told or change.by is by))
            or now - change.committed >= hot_sessions.HOT_SECONDS
        ]
        return max(known, default=0)


class Keeper:
    """One server, as far as it keeps sessions hot."""

    def __init__(self, url: str, truth: Truth) -> None:
        self.truth = truth
        self.exchange = Exchange(url)
        self.hot = HotSessions(self.exchange)
        self.reads = 0
        self.slowest = 0.0

    async def read(self, name: str) -> SignedIn:
        """Look at the truth, on a snapshot that is some moments old when it arrives."""
        self.reads += 1
        await asyncio.sleep(0)
        version = self.truth.version(name)
        await asyncio.sleep(0.001)
        return SignedIn(Actor(version, name), LATER)

    async def use(self, name: str) -> int:
        begun = time.perf_counter()
        found = await self.hot.look(name, lambda: self.read(name))
        self.slowest = max(self.slowest, time.perf_counter() - begun)
        return found.actor.person_id

    async def holds(self, name: str) -> bool:
        """Say whether a look now finds what it has to: on a busy machine Redis may not have been told in time."""
        least = self.truth.least(name, self)
        return await self.use(name) >= least

    async def change(self, name: str) -> None:
        """Commit a change, tell of it, and acknowledge it."""
        changes = self.truth.changes.setdefault(name, [])
        change = Change(len(changes) + 1, self, time.monotonic())
        changes.append(change)
        await asyncio.sleep(0)
        begun = time.perf_counter()
        await self.hot.tell()
        self.slowest = max(self.slowest, time.perf_counter() - begun)
        change.told = self.hot._untold is None
        change.acknowledged = time.monotonic()

    async def is_sure(self) -> None:
        async with asyncio.timeout(20):
            while not self.hot._is_sure:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)


@asynccontextmanager
async def keeping(redis: RedisServer, servers: int = 2) -> AsyncIterator[list[Keeper]]:
    """Open servers that have met Redis."""
    truth = Truth()
    async with AsyncExitStack() as stack:
        keepers = [Keeper(redis.url, truth) for _ in range(servers)]
        for keeper in keepers:
            await keeper.exchange.open()
            stack.push_async_callback(keeper.exchange.close)
            await keeper.is_sure()
        yield keepers
