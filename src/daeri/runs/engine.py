"""What carries runs forward over crashes? One short DBOS workflow for each segment of a run; nothing else knows DBOS.

A segment ends when the run ends or parks, so a run that waits for a person costs nothing. The journal decides what is
due: a segment that is started twice is claimed once, and the sweep finds what a crash or a full disk left.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import create_engine, event
from ulid import ULID

Segment = Callable[[str, int], Awaitable[None]]
Due = Callable[[], Awaitable[list[tuple[str, int]]]]

PROTOCOL = "1"
"""The version of what a segment is; raise it when old workflows must not be picked up by new code."""
SWEEP_SECONDS = 10
"""How often work is looked for that nobody started: after a crash between a commit and its start."""
AT_ONCE = 64
"""Segments one process advances at once; the others wait in order."""

log = structlog.get_logger()


class Engine:
    """Starts segments and restarts those that a killed process left."""

    def __init__(self, url: str, segment: Segment, due: Due) -> None:
        """Take DBOS's own database, what advances a run by one segment, and what lists the work that is due."""
        self._url = url
        self._segment = segment
        self._due = due
        self._places = asyncio.Semaphore(AT_ONCE)
        self._active: set[tuple[str, int]] = set()
        self._workflow: Callable[..., Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start DBOS, take up what was interrupted, and sweep for what was never started."""
        self._loop = asyncio.get_running_loop()
        logging.getLogger("dbos").setLevel(logging.ERROR)
        config: DBOSConfig = {
            "name": "daeri",
            "system_database_url": self._url,
            "system_database_engine": _wal_engine(self._url),
            "serializer": DBOSPortableJSONSerializer(),
            "application_version": PROTOCOL,
            "executor_id": "local",
            "log_level": "ERROR",
            "console_log_level": "ERROR",
            "enable_otlp": False,
        }
        DBOS(config=config)

        @DBOS.workflow(name="daeri.segment")
        async def advance(run_id: str, segment: int) -> None:
            await self._on_our_loop(run_id, segment)

        self._workflow = advance
        await asyncio.to_thread(DBOS.launch)
        await self._sweep_once()
        self._sweeper = asyncio.create_task(self._sweep())

    async def start(self, run_id: str, segment: int) -> None:
        """Start a segment unless this process is at it."""
        if self._workflow is None or (run_id, segment) in self._active:
            return
        with SetWorkflowID(f"{run_id}/{segment}/{ULID()}"):
            await DBOS.start_workflow_async(self._workflow, run_id, segment)

    async def close(self) -> None:
        """Stop; what is unfinished is taken up at the next start."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        self._workflow = None
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS had made its own threads the loop's default ones, and they are gone now.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def _on_our_loop(self, run_id: str, segment: int) -> None:
        """Run the segment on the loop that opened the engine: recovered workflows come on one of DBOS's own."""
        if self._loop is None or asyncio.get_running_loop() is self._loop:
            await self._bounded(run_id, segment)
            return
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._bounded(run_id, segment), self._loop))

    async def _bounded(self, run_id: str, segment: int) -> None:
        """Run a segment once at a time; whatever it raises, it is due until the journal says otherwise."""
        if (run_id, segment) in self._active:
            return
        self._active.add((run_id, segment))
        try:
            async with self._places:
                await self._segment(run_id, segment)
        finally:
            self._active.discard((run_id, segment))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self._sweep_once()

    async def _sweep_once(self) -> None:
        for run_id, segment in await self._due():
            await self.start(run_id, segment)


def _wal_engine(url: str) -> Any:
    """Return an engine for DBOS's file; its own default is not WAL, which makes readers wait for writers."""
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
