"""What is a server at, and what does it take up next? The runs that are due, those at work, and who is told of them.

Whoever writes to a run from outside it (a decision, a cancellation, a result that came back) says so here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.crash import crash_at
from daeri.operations.outcome import Settlement
from daeri.records.store import Store
from daeri.runs import callers, calls, handing, journal
from daeri.runs.fleet import ALONE
from daeri.runs.queueing import Queue
from daeri.runs.wakeups import Wakeups

Start = Callable[[str, int], Awaitable[None]]

FORGET_EVERY: Final = timedelta(hours=1)
"""How often a server that goes on drops what is known of callers who will not come back."""


class Dispatch:
    """The runs that this server is at, and those that wait for it.

    Attributes:
        start: begins a segment of a run; set when the engine opens.
    """

    def __init__(
        self, store: Store, clock: Clock, wakeups: Wakeups, me: str = ALONE, queue: Queue | None = None
    ) -> None:
        """Take the database, the clock, the listeners, this server's name, and who goes next."""
        self._store = store
        self._clock = clock
        self._wakeups = wakeups
        self._me = me
        self._queue = queue or Queue()
        self._working: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._forgotten_at = clock.now()
        self.start: Start | None = None

    async def begin(self, run_id: str) -> None:
        """Start a run that was accepted."""
        if self.start is not None:
            await self.start(run_id, 1)

    def settled(self, connection: Connection, settlement: Settlement) -> None:
        """Hear, inside the deciding transaction, how a document ended that one of the runs waits for."""
        calls.settle(connection, settlement, self._clock.now())

    async def resume(self, run_id: str | None) -> None:
        """Go on with a run after its document was decided."""
        if run_id is None:
            return

        def look(connection: Connection) -> tuple[dict[str, int], list[tuple[str, int]]]:
            return dict(self._queue.due(connection, self._me)), journal.above(connection, run_id)

        due, above = await self._store.read(look)
        for each in (run_id, *(waiting for waiting, _ in above)):
            self._wakeups.notify(each)
        crash_at("run.due")
        if self.start is not None and run_id in due:
            await self.start(run_id, due[run_id])

    def stopped(self, run_id: str) -> None:
        """Tell who listens that a run was stopped, and whoever works on it."""
        self._wakeups.notify(run_id)
        task = self._working.get(run_id)
        if task is not None:
            task.cancel()
        self._look_for_next()

    async def due(self) -> list[tuple[str, int]]:
        """Return what some worker should advance: (run, segment)."""
        return await self._store.read(partial(self._queue.due, me=self._me))

    async def end_late(self) -> None:
        """End what has waited too long for its caller's functions, or for its caller to come back.

        Now and then callers are forgotten, too.
        """
        now = self._clock.now()
        if now - self._forgotten_at >= FORGET_EVERY:
            await self.forget()

        def any_late(connection: Connection) -> bool:
            return bool(handing.late(connection, now) or callers.gone(connection, now))

        if await self._store.read(any_late):
            for end in (handing.end_late, callers.end_gone):
                for run_id in await self._store.write(partial(end, now=now)):
                    self.stopped(run_id)

    async def forget(self) -> None:
        """Drop what is known of callers who will not come back any more."""
        self._forgotten_at = self._clock.now()
        await self._store.write(partial(callers.forget, now=self._forgotten_at))

    async def hear(self, news: str) -> None:
        """Wake who listens to a run of which another server tells; stop working on one that was cancelled there.

        News without a name says that some may have been missed.
        """
        name, _, run_id = news.partition(" ")
        if name == self._me:
            return
        self._wakeups.wake(run_id)
        for working in [run_id] if run_id else list(self._working):
            task = self._working.get(working)
            if task is not None and await self._store.read(partial(journal.has_ended, run_id=working)):
                task.cancel()

    def working(self, run_id: str, task: asyncio.Task[None] | None) -> None:
        """Note which task advances a run, so that a cancellation reaches it at once; None lets the next one begin."""
        if task is None:
            self._working.pop(run_id, None)
            self._look_for_next()
        else:
            self._working[run_id] = task

    def _look_for_next(self) -> None:
        if self._queue.has_waiting and self.start is not None and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._begin_next())

    async def _begin_next(self) -> None:
        """Start what waited for a place or for an earlier turn."""
        self._looking, self._queue.has_waiting = None, False
        for run_id, segment in await self.due():
            if self.start is not None and run_id not in self._working:
                await self.start(run_id, segment)
