"""What carries runs forward over crashes? One short DBOS workflow for each segment of a run; nothing else knows DBOS.

A segment ends when the run ends or parks, so a run that waits for a person costs nothing. The journal decides what is
due: a segment that is started twice is claimed once, and the sweep finds what a crash or a full disk left.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy import Engine as SQLEngine
from ulid import ULID

from daeri.errors import DaeriError

Segment = Callable[[str, int], Awaitable[None]]
Due = Callable[[], Awaitable[list[tuple[str, int]]]]

PROTOCOL = "1"
"""The version of what a segment is; raise it when old workflows must not be picked up by new code."""
SWEEP_SECONDS = 10
"""How often work is looked for that nobody started: after a crash between a commit and its start."""
SHARED_SWEEP_SECONDS = 2
"""The same where other servers may be gone, whose runs wait to be taken up."""
SCHEMA = "daeri_engine"
"""Where DBOS keeps its tables in PostgreSQL."""
CONNECTIONS = 6
"""Connections to PostgreSQL that DBOS keeps: its steps are few, and short."""
AT_ONCE = 2_000
"""Segments one process advances at once, as many as it has connections to models; the others wait in order."""

log = structlog.get_logger()


class Engine:
    """Starts segments and restarts those that a killed process left."""

    def __init__(self, url: str, segment: Segment, due: Due, me: str = "local") -> None:
        """Take DBOS's own database, what advances a run by one segment, what lists the work due, and our own name."""
        self._url = make_url(url)
        self._is_shared = self._url.get_backend_name() != "sqlite"
        self._me = me if self._is_shared else "local"  # on a file, the next process goes on with what this one left
        self._segment = segment
        self._due = due
        self._database: SQLEngine | None = None
        self._places = asyncio.Semaphore(AT_ONCE)
        self._active: set[tuple[str, int]] = set()
        self._workflow: Callable[..., Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start DBOS, take up what was interrupted, and sweep for what was never started."""
        self._loop = asyncio.get_running_loop()
        logging.getLogger("dbos").setLevel(logging.ERROR)
        self._database = _postgres_engine(self._url) if self._is_shared else _wal_engine(self._url)
        config: DBOSConfig = {
            "name": "daeri",
            "system_database_url": self._url.render_as_string(hide_password=False),
            "system_database_engine": self._database,
            "dbos_system_schema": SCHEMA,
            "serializer": DBOSPortableJSONSerializer(),
            "application_version": PROTOCOL,
            "executor_id": self._me,
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
        if self._database is not None:
            self._database.dispose()
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

    async def bury(self, gone: Sequence[str]) -> None:
        """End what servers that are gone had begun; the journal says what of it is to be begun anew."""
        if gone and self._is_shared and self._workflow is not None:
            begun = await DBOS.list_workflows_async(
                status="PENDING", executor_id=list(gone), load_input=False, load_output=False
            )
            await DBOS.cancel_workflows_async([each.workflow_id for each in begun])

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SHARED_SWEEP_SECONDS if self._is_shared else SWEEP_SECONDS)
            try:
                await self._sweep_once()
            except DaeriError as error:  # the database is away for a moment
                log.warning("engine.sweep_failed", why=error.detail.en)

    async def _sweep_once(self) -> None:
        for run_id, segment in await self._due():
            await self.start(run_id, segment)


def _postgres_engine(url: URL) -> SQLEngine:
    """Return an engine for DBOS's tables beside ours."""
    limits = "-c idle_in_transaction_session_timeout=60s"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_pre_ping=True,
        connect_args={"application_name": "daeri engine", "connect_timeout": 10, "options": limits},
    )


def _wal_engine(url: URL) -> SQLEngine:
    """Return an engine for DBOS's file; its own default is not WAL, which makes readers wait for writers."""
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
