"""Who listens to a run? Wakes the streams of this process when a run has new events, and tells the other servers.

A wake-up is a hint: whoever is woken reads the journal, and whoever is not finds the same a little later.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from daeri.errors import DaeriError

TOGETHER_SECONDS: Final = 0.02
"""How long news is gathered before it is told to the other servers: a run has some of it every few milliseconds."""

Tell = Callable[[Sequence[str]], Awaitable[None]]


class Wakeups:
    """One flag for each listener of a run."""

    def __init__(self) -> None:
        """Start with no listeners."""
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._untold: set[str] = set()
        self._some = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def notify(self, run_id: str) -> None:
        """Wake everyone who listens to a run, here and at the other servers."""
        self.wake(run_id)
        if self._telling is not None:
            self._untold.add(run_id)
            self._some.set()

    def wake(self, run_id: str) -> None:
        """Wake everyone who listens to a run here; all of them where no run is named."""
        if not run_id:
            for listened in list(self._listeners):
                self.wake(listened)
        for flag in self._listeners.get(run_id, ()):
            flag.set()

    def open(self, me: str, tell: Tell) -> None:
        """Begin to tell the other servers; this one is named so that it can pass over its own news."""
        self._telling = asyncio.create_task(self._tell_on(me, tell))

    async def close(self) -> None:
        """Tell nobody any more."""
        if self._telling is not None:
            self._telling.cancel()
            with suppress(asyncio.CancelledError):
                await self._telling
            self._telling = None

    async def _tell_on(self, me: str, tell: Tell) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._some.clear()
            news, self._untold = self._untold, set()
            with suppress(DaeriError):  # the listeners there look again by themselves
                await tell([f"{me} {run_id}" for run_id in sorted(news)])

    @contextmanager
    def listening(self, run_id: str) -> Iterator[asyncio.Event]:
        """Give a flag that is set whenever the run has news; the listener clears it before it reads."""
        flag = asyncio.Event()
        self._listeners[run_id].add(flag)
        try:
            yield flag
        finally:
            self._listeners[run_id].discard(flag)
            if not self._listeners[run_id]:
                del self._listeners[run_id]


async def woken(flag: asyncio.Event, seconds: float) -> bool:
    """Wait for news at most so many seconds; say whether there was any."""
    try:
        await asyncio.wait_for(flag.wait(), seconds)
    except TimeoutError:
        return False
    return True
