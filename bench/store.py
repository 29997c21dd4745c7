"""Why does the store visit the database in one thread hop? The same read and the same insert, done in four ways.

- on the event loop: nothing is cheaper, but one slow statement stops every other request;
- Daeri's Store: one visit for the whole transaction, in one hop to a thread;
- a hop for each call (BEGIN, execute, fetch, COMMIT): what any asynchronous driver for SQLite does;
- SQLAlchemy on aiosqlite: that driver itself, where it is installed (it is no dependency of ours).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Column, Connection, Engine, Insert, Integer, MetaData, Select, String, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.load import WIDTH, check, percentile
from bench.table import Line
from daeri.records.store import Store
from daeri.records.store_sqlite import READERS

ROWS = 10_000
CALLS = 1_000
ROUNDS = 3

_metadata = MetaData()
_item = Table(
    "item",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("amount", Integer, nullable=False),
)

Call = Callable[[int], Awaitable[None]]


def _row(number: int) -> dict[str, Any]:
    return {"name": f"item {number}", "amount": number * 7}


def _select(key: int) -> Select[Any]:
    return select(_item).where(_item.c.id == key)


def _insert(number: int) -> Insert:
    return insert(_item).values(**_row(number))


def _checked(row: Any, key: int) -> None:
    check(row.id == key and row.amount == key * 7, f"item {key}: {row}")


class OnLoop:
    """The statements where the requests are: on the event loop, one connection."""

    name = "on the event loop"

    def __init__(self, reader: Engine, writer: Engine) -> None:
        """Take the store's own engines, so that nothing but the way differs."""
        self._reader = reader
        self._writer = writer

    async def read(self, key: int) -> None:
        """Read one row."""
        with self._reader.begin() as connection:
            _checked(connection.execute(_select(key)).one(), key)

    async def write(self, key: int) -> None:
        """Insert one row."""
        with self._writer.begin() as connection:
            connection.execute(_insert(key))


class OneVisit:
    """Daeri's way."""

    name = "Daeri's Store: one visit"

    def __init__(self, store: Store) -> None:
        """Take the store."""
        self._store = store

    async def read(self, key: int) -> None:
        """Read one row."""
        _checked(await self._store.read(lambda connection: connection.execute(_select(key)).one()), key)

    async def write(self, key: int) -> None:
        """Insert one row."""

        def add(connection: Connection) -> None:
            connection.execute(_insert(key))

        await self._store.write(add)


class HopPerCall:
    """Each call hops to the connection's thread and back."""

    name = "a hop for each call"

    def __init__(self, reader: Engine, writer: Engine) -> None:
        """Take the store's own engines."""
        self._reader = reader
        self._writer = writer
        self._threads = ThreadPoolExecutor(READERS)
        self._one = ThreadPoolExecutor(1)
        self._places = asyncio.Semaphore(READERS)
        self._turn = asyncio.Lock()

    async def read(self, key: int) -> None:
        """Read one row."""
        async with self._places:
            hop = _hopper(self._threads)
            connection = await hop(self._reader.connect)
            transaction = await hop(connection.begin)
            result = await hop(connection.execute, _select(key))
            _checked(await hop(result.one), key)
            await hop(transaction.commit)
            await hop(connection.close)

    async def write(self, key: int) -> None:
        """Insert one row."""
        async with self._turn:
            hop = _hopper(self._one)
            connection = await hop(self._writer.connect)
            transaction = await hop(connection.begin)
            await hop(connection.execute, _insert(key))
            await hop(transaction.commit)
            await hop(connection.close)


class Aiosqlite:
    """SQLAlchemy's own asynchronous way."""

    name = "SQLAlchemy on aiosqlite"

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        """Take the engines."""
        self._reader = reader
        self._writer = writer

    async def read(self, key: int) -> None:
        """Read one row."""
        async with self._reader.begin() as connection:
            _checked((await connection.execute(_select(key))).one(), key)

    async def write(self, key: int) -> None:
        """Insert one row."""
        async with self._writer.begin() as connection:
            await connection.execute(_insert(key))


async def compare(folder: Path) -> list[Line]:
    """Measure every way on a fresh database in a folder."""
    path = folder / "store.db"
    async with AsyncExitStack() as stack:
        store = Store(f"sqlite:///{path}")
        stack.push_async_callback(store.close)
        await store.create(_metadata)
        await store.write(
            lambda connection: connection.execute(insert(_item), [_row(key) for key in range(1, ROWS + 1)])
        )
        lanes = store._backend  # noqa: SLF001 - the same connections, another way to them
        engines = (lanes.reading.engine, lanes.writing.engine)
        ways: list[OnLoop | OneVisit | HopPerCall | Aiosqlite] = [
            OnLoop(*engines),
            OneVisit(store),
            HopPerCall(*engines),
        ]
        if _has_aiosqlite():
            ways.append(await _aiosqlite(stack, path))
        lines = await _measured(ways)
    if not _has_aiosqlite():
        lines.append(Line("store: SQLAlchemy on aiosqlite", measured="not installed, so not measured"))
    return lines


async def _measured(ways: Sequence[OnLoop | OneVisit | HopPerCall | Aiosqlite]) -> list[Line]:
    keys = count(ROWS + 1)
    lines = []
    for what in ("read", "write"):
        took: dict[str, list[tuple[float, float, float]]] = {way.name: [] for way in ways}
        for _ in range(ROUNDS):
            for way in ways:
                call: Call = way.read if what == "read" else way.write
                numbers = [next(keys) if what == "write" else 1 + key % ROWS for key in range(CALLS)]
                took[way.name].append(await _round(call, numbers))
        for name, figures in took.items():
            cpu, p50, p99 = (median(column) for column in zip(*figures, strict=True))
            done = f"{CALLS} x {ROUNDS}, in this process"
            lines.append(
                Line(f"store: {'one row read' if what == 'read' else 'one insert'}, {name}", cpu, p50, p99, done)
            )
    return lines


async def _round(call: Call, numbers: Sequence[int]) -> tuple[float, float, float]:
    """Return the CPU of all threads for each call, p50 and p99, with as many calls at once as elsewhere."""
    left, took = iter(numbers), []

    async def work() -> None:
        for number in left:
            started = time.perf_counter()
            await call(number)
            took.append((time.perf_counter() - started) * 1000)

    cpu = time.process_time()
    await asyncio.gather(*(work() for _ in range(WIDTH)))
    return (time.process_time() - cpu) * 1000 / len(numbers), percentile(took, 50), percentile(took, 99)


def _hopper(threads: ThreadPoolExecutor) -> Callable[..., Awaitable[Any]]:
    loop = asyncio.get_running_loop()
    return lambda function, *arguments: loop.run_in_executor(threads, function, *arguments)


def _has_aiosqlite() -> bool:
    return find_spec("aiosqlite") is not None


async def _aiosqlite(stack: AsyncExitStack, path: Path) -> Aiosqlite:
    engines = [
        create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=size, max_overflow=0) for size in (READERS, 1)
    ]
    for engine in engines:
        stack.push_async_callback(engine.dispose)
        async with engine.begin() as connection:
            await connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
    return Aiosqlite(*engines)
