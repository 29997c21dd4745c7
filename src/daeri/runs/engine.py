"""What carries runs forward? One task of this process for each segment of a run that is due.

The journal is the record: it says what is due, lets a segment be claimed once, and fences whoever was overtaken. So
nothing needs to be kept here over a crash. The sweep finds what a crash, a full disk or a server that is gone left.
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from daeri.errors import DaeriError

Segment = Callable[[str, int], Awaitable[None]]
Due = Callable[[], Awaitable[list[tuple[str, int]]]]

SWEEP_SECONDS = 10
"""How often work is looked for that nobody started: after a crash between a commit and its start."""
SHARED_SWEEP_SECONDS = 2
"""The same where other servers may be gone, whose runs wait to be taken up."""
REST_SECONDS_MAX = 60
"""How long a segment that failed again and again is left at most before the next try; at first one sweep, then doubled.
"""
AT_ONCE = 2_000
"""Segments one process advances at once, as many as it has connections to models; the others wait in order."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a segment failed the last time: how often in a row, why, and until when it is left alone."""

    times: int
    why: str
    until: float


class Engine:
    """Starts segments, and those again that a killed process left."""

    def __init__(self, segment: Segment, due: Due, *, is_shared: bool = False) -> None:
        """Take what advances a run by one segment, what lists the work due, and whether other servers work beside."""
        self._segment = segment
        self._due = due
        self._pause = SHARED_SWEEP_SECONDS if is_shared else SWEEP_SECONDS
        self._places = asyncio.Semaphore(AT_ONCE)
        self._active: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._failed: dict[tuple[str, int], _Failure] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take up what was interrupted, and sweep for what was never started."""
        self._begin_to_sweep()
        await self._sweep_once()

    async def start(self, run_id: str, segment: int) -> None:
        """Start a segment unless this process is at it, or is closed; one that raises is due again after a rest."""
        due = (run_id, segment)
        failed = self._failed.get(due)
        if self._sweeper is None or due in self._active or (failed is not None and time.monotonic() < failed.until):
            return
        # A context of its own: the request that asked is over before the run is.
        task = asyncio.create_task(self._bounded(*due), name=run_id, context=contextvars.Context())
        self._active[due] = task
        task.add_done_callback(lambda ended: self._ended(due, ended))

    async def close(self) -> None:
        """Stop; what is unfinished is taken up at the next start."""
        sweeper, self._sweeper = self._sweeper, None
        stopping = [*self._active.values(), *([sweeper] if sweeper is not None else [])]
        for task in stopping:
            task.cancel()
        await asyncio.gather(*stopping, return_exceptions=True)

    async def _bounded(self, run_id: str, segment: int) -> None:
        async with self._places:
            await self._segment(run_id, segment)

    def _ended(self, due: tuple[str, int], task: asyncio.Task[None]) -> None:
        del self._active[due]
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._failed.pop(due, None)
            return
        before, why = self._failed.get(due), repr(error)
        times = before.times + 1 if before is not None else 1
        rest = min(self._pause * 2 ** (times - 1), REST_SECONDS_MAX)
        self._failed[due] = _Failure(times, why, time.monotonic() + rest)
        if before is None or before.why != why:  # told once, not at each try
            log.error("engine.segment_failed", run_id=due[0], exc_info=error)

    def _begin_to_sweep(self) -> None:
        self._sweeper = asyncio.create_task(self._sweep())
        self._sweeper.add_done_callback(self._swept)

    def _swept(self, task: asyncio.Task[None]) -> None:
        """Begin anew, whatever it was that ended the sweep: without it nothing that was left is ever found."""
        if not task.cancelled() and self._sweeper is task:
            log.error("engine.sweep_ended", exc_info=task.exception())
            self._begin_to_sweep()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self._sweep_once()
            except DaeriError as error:  # the database is away for a moment
                log.warning("engine.sweep_failed", why=error.detail.en)

    async def _sweep_once(self) -> None:
        due = await self._due()
        known, now = set(due), time.monotonic()
        self._failed = {each: failed for each, failed in self._failed.items() if each in known or now < failed.until}
        for run_id, segment in due:
            await self.start(run_id, segment)
